/** Masks: which part of a picture is meant. On their way to the model they become sets of tokens, squares of 16 × 16 pixels. */
import { ArgumentError } from '../engine/index.ts';
import type { Grid } from './graphs.ts';

/** Marks part of a picture: `data` is [height, width] bytes, or [height, width, 3] as of a black and white picture; 128 and more marks. */
export interface Mask {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** Side of a token in pixels. */
export const TOKEN_SIDE = 16;

const MAX_SIDE = 65535;
const MARKED = 128;

/** Throws unless `mask` is one. */
export function checkMask(mask: Mask): void {
  const { width, height, data } = (mask ?? {}) as Partial<Mask>;
  const isSide = (side: unknown) => Number.isInteger(side) && (side as number) >= 1 && (side as number) <= MAX_SIDE;
  const pixels = isSide(width) && isSide(height) ? width! * height! : NaN;
  if (!(data instanceof Uint8Array) || (data.length !== pixels && data.length !== 3 * pixels))
    throw new ArgumentError(
      `[edit] mask must be { width, height, data } with width · height bytes, or three times as many, but is ${data instanceof Uint8Array ? `${width}×${height} with ${data.length}` : mask === null ? 'null' : typeof mask}`,
    );
}

/** A picture's place on its own token grid: `left` and `top` pixels of padding lie before it. */
export interface Placement {
  readonly width: number;
  readonly height: number;
  readonly left: number;
  readonly top: number;
  readonly grid: Grid;
}

/** Stretches a mask over a picture and marks each token that a marked part of it touches: [m, n], 1 where marked. */
export function snapMask(mask: Mask, { width, height, left, top, grid }: Placement): Uint8Array {
  const [m, n] = grid;
  const across = Array.from({ length: mask.width }, (_, x) => touched(x, mask.width, width, left));
  const down = Array.from({ length: mask.height }, (_, y) => touched(y, mask.height, height, top));
  const channels = mask.data.length / (mask.width * mask.height);
  const tokens = new Uint8Array(m * n);
  for (let y = 0, at = 0; y < mask.height; y++)
    for (let x = 0; x < mask.width; x++, at += channels) {
      if (!isMarked(mask.data, at, channels)) continue;
      const [fromX, toX] = across[x];
      for (let row = down[y][0]; row <= down[y][1]; row++) tokens.fill(1, row * n + fromX, row * n + toX + 1);
    }
  return tokens;
}

function isMarked(data: Uint8Array, at: number, channels: number): boolean {
  return channels === 1 ? data[at] >= MARKED : data[at] + data[at + 1] + data[at + 2] >= 3 * MARKED;
}

/** First and last token that position `i` of `count` touches, stretched over `length` pixels after `padding`. */
function touched(i: number, count: number, length: number, padding: number): readonly [from: number, to: number] {
  const at = (position: number) => (position * length + padding * count) / (count * TOKEN_SIDE);
  return [Math.floor(at(i)), Math.ceil(at(i + 1)) - 1];
}

/** Tokens of a grid as a mask of its size, 255 where marked: what `snapMask` of it marks again. */
export function tokenMask([m, n]: Grid, tokens: Iterable<number>): Mask {
  const data = new Uint8Array(m * n);
  for (const token of tokens) data[token] = 255;
  return { width: n, height: m, data };
}
