/** Strokes to a mask, undo and redo. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  NO_STROKES,
  type Stroke,
  addStroke,
  clearing,
  maskOf,
  redo,
  undo,
} from '../../../web/app/logic/mask_strokes.ts';

const rows = (strokes: readonly Stroke[], width: number, height: number) => {
  const mask = maskOf(strokes, width, height);
  return Array.from({ length: height }, (_, y) =>
    Array.from({ length: width }, (_, x) => (mask?.data[y * width + x] ? '#' : '.')).join(''),
  );
};
const dot = (x: number, y: number, radius = 1): Stroke => ({ tool: 'brush', radius, points: [x, y] });

describe('a mask', () => {
  it('has the pixels whose centres a disc covers', () => {
    expect(rows([dot(2.5, 1.5)], 5, 3)).toEqual(['..#..', '.###.', '..#..']);
  });

  it('has a line as wide at its middle as at its ends', () => {
    expect(rows([{ tool: 'brush', radius: 0.6, points: [0.5, 1.5, 4.5, 1.5] }], 5, 3)).toEqual([
      '.....',
      '#####',
      '.....',
    ]);
  });

  it('loses what the eraser goes over', () => {
    const eraser: Stroke = { tool: 'eraser', radius: 0.6, points: [2.5, 1.5] };
    expect(rows([{ tool: 'brush', radius: 0.6, points: [0.5, 1.5, 4.5, 1.5] }, eraser], 5, 3)[1]).toBe('##.##');
    expect(maskOf([dot(2, 2), clearing(5, 5)], 5, 5)).toBeUndefined();
  });

  it('may be drawn beyond the edges', () => {
    expect(rows([dot(-3, 1, 4)], 3, 3)).toEqual(['#..', '#..', '#..']);
    expect(maskOf([dot(-30, -30)], 3, 3)).toBeUndefined();
  });

  it('agrees with the distance to the line, pixel by pixel', () => {
    const at = fc.double({ min: -4, max: 20, noNaN: true });
    fc.assert(
      fc.property(at, at, at, at, fc.double({ min: 0.5, max: 6, noNaN: true }), (ax, ay, bx, by, radius) => {
        const mask = maskOf([{ tool: 'brush', radius, points: [ax, ay, bx, by] }], 16, 16);
        for (let i = 0; i < 256; i++) {
          const [x, y] = [(i % 16) + 0.5, Math.floor(i / 16) + 0.5];
          let near = Infinity;
          for (let t = 0; t <= 1; t += 1 / 256)
            near = Math.min(near, Math.hypot(ax + t * (bx - ax) - x, ay + t * (by - ay) - y));
          if (Math.abs(near - radius) > 0.1) expect((mask?.data[i] ?? 0) > 0).toBe(near < radius);
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe('undo and redo', () => {
  it('go back and forth, and a new stroke ends what was undone', () => {
    const [a, b, c] = [dot(1, 1), dot(2, 2), dot(3, 3)];
    const two = addStroke(addStroke(NO_STROKES, a), b);
    expect(undo(two)).toEqual({ done: [a], undone: [b] });
    expect(redo(undo(two))).toEqual(two);
    expect(undo(undo(undo(two)))).toEqual({ done: [], undone: [b, a] });
    expect(redo(undo(undo(two))).done).toEqual([a]);
    expect(addStroke(undo(two), c)).toEqual({ done: [a, c], undone: [] });
    expect(redo(two)).toEqual(two);
  });
});
