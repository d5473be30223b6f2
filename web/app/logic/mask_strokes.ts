/**
 * A mask as the strokes that drew it: each a line of discs that adds to it or takes from it. Strokes are what undo and redo work on; the mask is
 * drawn from all of them, so that it is the same at any zoom.
 */
import type { Mask } from '../../../src/harmon/index.ts';

export interface Stroke {
  readonly tool: 'brush' | 'eraser';
  /** Radius in pixels of the picture. */
  readonly radius: number;
  /** x, y, x, y … in pixels of the picture. */
  readonly points: readonly number[];
}

/** Strokes that are drawn, and those that were undone, the next to come back last. */
export interface Strokes {
  readonly done: readonly Stroke[];
  readonly undone: readonly Stroke[];
}

export const NO_STROKES: Strokes = { done: [], undone: [] };

export const addStroke = ({ done }: Strokes, stroke: Stroke): Strokes => ({ done: [...done, stroke], undone: [] });

export function undo({ done, undone }: Strokes): Strokes {
  const last = done.at(-1);
  return last ? { done: done.slice(0, -1), undone: [...undone, last] } : { done, undone };
}

export function redo({ done, undone }: Strokes): Strokes {
  const next = undone.at(-1);
  return next ? { done: [...done, next], undone: undone.slice(0, -1) } : { done, undone };
}

/** All is gone, and one undo brings nothing back but the next redo does: clearing is a stroke of the eraser over everything. */
export const clearing = (width: number, height: number): Stroke => ({
  tool: 'eraser',
  radius: Math.hypot(width, height),
  points: [width / 2, height / 2],
});

/** The mask, 255 where drawn; nothing where no pixel is. */
export function maskOf(strokes: readonly Stroke[], width: number, height: number): Mask | undefined {
  const data = new Uint8Array(width * height);
  for (const { tool, radius, points } of strokes) {
    const value = tool === 'brush' ? 255 : 0;
    for (let i = 0; i < points.length; i += 2) {
      const from = i === 0 ? 0 : i - 2;
      capsule(data, width, height, [points[from], points[from + 1]], [points[i], points[i + 1]], radius, value);
    }
  }
  return data.includes(255) ? { width, height, data } : undefined;
}

type Point = readonly [x: number, y: number];

/** Sets the pixels whose centres lie within `radius` of the line from a to b. */
function capsule(
  data: Uint8Array,
  width: number,
  height: number,
  a: Point,
  b: Point,
  radius: number,
  value: number,
): void {
  const bound = (at: number, most: number) => Math.min(Math.max(at, 0), most);
  const top = bound(Math.floor(Math.min(a[1], b[1]) - radius), height);
  const bottom = bound(Math.ceil(Math.max(a[1], b[1]) + radius), height);
  const left = bound(Math.floor(Math.min(a[0], b[0]) - radius), width);
  const right = bound(Math.ceil(Math.max(a[0], b[0]) + radius), width);
  const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
  const length = dx * dx + dy * dy;
  for (let y = top; y < bottom; y++)
    for (let x = left; x < right; x++) {
      const [px, py] = [x + 0.5 - a[0], y + 0.5 - a[1]];
      const along = length === 0 ? 0 : bound((px * dx + py * dy) / length, 1);
      const [ox, oy] = [px - along * dx, py - along * dy];
      if (ox * ox + oy * oy <= radius * radius) data[y * width + x] = value;
    }
}
