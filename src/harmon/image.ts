/**
 * Pictures on their way in and out of the model: padding to a square, Pillow's bicubic resize bit for bit, bytes to model
 * pixels and back, tiling. Model pixels are Float32Array [height, width, 3] (NHWC without the batch), −1 … 1.
 */
import { ArgumentError } from '../engine/index.ts';

/** An RGB picture: `data` is [height, width, 3] bytes. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** Longest side of a picture. */
const MAX_SIDE = 65535;

/** The grey around a picture that is no square. */
const GREY = 127;

/**
 * What image-to-text sees: `resize` of `padToSquare`, bit for bit. The square is never made, so memory grows with the picture and not with the
 * square of its longer side. @throws ArgumentError for a side beyond 65535.
 */
export function prepare(picture: Picture, size: number): Picture {
  const { width, height } = checkedPicture(picture);
  const side = Math.max(width, height);
  if (width === height || side === size) return resize(padToSquare(picture), size, size);
  checkSide(size);
  const taps = bicubicTaps(side, size);
  const across = resizeRows(picture, inside(taps, before(side, width), width));
  const grey = resizeRows({ width: 1, height: 1, data: new Uint8Array(3) }, inside(taps, side, 1));
  return resizeColumns(across, inside(taps, before(side, height), height), grey.data);
}

/** Centres a picture on a square of its longer side, grey (127) around it. A square is returned as it is. */
export function padToSquare(picture: Picture): Picture {
  const { width, height, data } = checkedPicture(picture);
  if (width === height) return picture;
  const side = Math.max(width, height);
  const left = before(side, width);
  const top = before(side, height);
  const out = new Uint8Array(side * side * 3).fill(GREY);
  for (let y = 0; y < height; y++)
    out.set(data.subarray(y * width * 3, (y + 1) * width * 3), ((top + y) * side + left) * 3);
  return { width: side, height: side, data: out };
}

/** Grey pixels left of, or above, a picture on its square. */
const before = (side: number, length: number): number => Math.floor((side - length) / 2);

/**
 * Pillow's `resize` with its default filter: bicubic with the kernel widened when shrinking, horizontal pass first, its
 * result stored as bytes, then the vertical one. A side that has the target length already is not touched.
 */
export function resize(picture: Picture, width: number, height: number): Picture {
  checkedPicture(picture);
  checkSide(width);
  checkSide(height);
  const across = width === picture.width ? picture : resizeRows(picture, bicubicTaps(picture.width, width));
  return height === across.height ? across : resizeColumns(across, bicubicTaps(across.height, height));
}

function checkSide(side: number): void {
  if (!(Number.isInteger(side) && side >= 1 && side <= MAX_SIDE))
    throw new ArgumentError(`[resize] a side must be a whole number from 1 to ${MAX_SIDE} but is ${side}`);
}

const PRECISION_BITS = 22;

/** For one output position: the first input position, the integer weights of the inputs from there on, and the sum of those on the grey. */
interface Taps {
  readonly first: number;
  readonly weights: Int32Array;
  readonly grey: number;
}

/** For each of `output` positions, its taps on `input` positions, none of them grey. */
function bicubicTaps(input: number, output: number): Taps[] {
  const scale = input / output;
  const filterScale = Math.max(scale, 1);
  const support = 2 * filterScale;
  return Array.from({ length: output }, (_, i) => {
    const centre = (i + 0.5) * scale;
    const first = Math.max(Math.trunc(centre - support + 0.5), 0);
    const end = Math.min(Math.trunc(centre + support + 0.5), input);
    const exact = Array.from({ length: end - first }, (_, x) => cubic((x + first - centre + 0.5) / filterScale));
    const sum = exact.reduce((a, b) => a + b, 0);
    // Rounded half away from zero.
    const weights = Int32Array.from(exact, (w) => {
      const scaled = (w / sum) * 2 ** PRECISION_BITS;
      return Math.trunc(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
    });
    return { first, weights, grey: 0 };
  });
}

/** Taps on a whole side to taps on the `length` positions from `start` on that are picture; the rest are grey. Sums stay exact. */
function inside(taps: readonly Taps[], start: number, length: number): Taps[] {
  return taps.map(({ first, weights }) => {
    const from = Math.min(Math.max(start - first, 0), weights.length);
    const to = Math.max(Math.min(start + length - first, weights.length), from);
    const sum = (part: Int32Array) => part.reduce((a, b) => a + b, 0);
    return {
      first: Math.max(first - start, 0),
      weights: weights.subarray(from, to),
      grey: sum(weights.subarray(0, from)) + sum(weights.subarray(to)),
    };
  });
}

/** The cubic convolution kernel with a = −0.5. */
function cubic(at: number): number {
  const a = -0.5;
  const x = Math.abs(at);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

function resizeRows({ width, height, data }: Picture, taps: readonly Taps[]): Picture {
  const out = new Uint8Array(taps.length * height * 3);
  for (let y = 0, o = 0; y < height; y++)
    for (const { first, weights, grey } of taps) {
      let r = HALF + grey * GREY;
      let g = r;
      let b = r;
      for (let k = 0, p = (y * width + first) * 3; k < weights.length; k++, p += 3) {
        r += data[p] * weights[k];
        g += data[p + 1] * weights[k];
        b += data[p + 2] * weights[k];
      }
      out[o++] = toByte(r);
      out[o++] = toByte(g);
      out[o++] = toByte(b);
    }
  return { width: taps.length, height, data: out };
}

/** `greyRow` is what a row outside the picture has become. */
function resizeColumns({ width, data }: Picture, taps: readonly Taps[], greyRow?: Uint8Array): Picture {
  const row = width * 3;
  const out = new Uint8Array(row * taps.length);
  const sums = new Float64Array(row);
  taps.forEach(({ first, weights, grey }, y) => {
    for (let x = 0; x < row; x++) sums[x] = HALF + (greyRow ? grey * greyRow[x] : 0);
    weights.forEach((weight, k) => {
      const from = (first + k) * row;
      for (let x = 0; x < row; x++) sums[x] += data[from + x] * weight;
    });
    for (let x = 0; x < row; x++) out[y * row + x] = toByte(sums[x]);
  });
  return { width, height: taps.length, data: out };
}

const HALF = 2 ** (PRECISION_BITS - 1);
const toByte = (sum: number): number => Math.min(Math.max(sum >> PRECISION_BITS, 0), 255);

/** Bytes to model pixels, p/127.5 − 1: Float32Array [height, width, 3]. */
export function toPixels(picture: Picture): Float32Array {
  return Float32Array.from(checkedPicture(picture).data, (p) => p / 127.5 - 1);
}

/** Model pixels [height, width, 3] to bytes: 127.5x + 128, clamped to 0 … 255 and truncated, as the reference does. */
export function fromPixels(pixels: Float32Array, width: number, height: number): Picture {
  if (pixels.length !== width * height * 3)
    throw new ArgumentError(`[pixels] must be [${height}, ${width}, 3] but have ${pixels.length} values`);
  return { width, height, data: Uint8Array.from(pixels, (x) => Math.min(Math.max(127.5 * x + 128, 0), 255)) };
}

/** Pictures of one size side by side, row by row, `columns` to a row; places left over stay black. */
export function tile(pictures: readonly Picture[], columns: number): Picture {
  if (pictures.length === 0 || !(Number.isInteger(columns) && columns >= 1))
    throw new ArgumentError(
      `[tile] needs at least one picture and one column but got ${pictures.length} and ${columns}`,
    );
  const { width, height } = pictures[0];
  const side = width * columns;
  const rows = Math.ceil(pictures.length / columns);
  const out = new Uint8Array(side * height * rows * 3);
  pictures.forEach((picture, i) => {
    if (checkedPicture(picture).width !== width || picture.height !== height)
      throw new ArgumentError(
        `[tile] pictures must have one size but number ${i} is ${picture.width}×${picture.height} beside ${width}×${height}`,
      );
    const left = (i % columns) * width;
    const top = Math.floor(i / columns) * height;
    for (let y = 0; y < height; y++)
      out.set(picture.data.subarray(y * width * 3, (y + 1) * width * 3), ((top + y) * side + left) * 3);
  });
  return { width: side, height: height * rows, data: out };
}

/** The picture, if it is one. @throws ArgumentError for sides that are not positive whole numbers up to 65535, or other than width · height · 3 bytes. */
export function checkedPicture(picture: Picture): Picture {
  const { width, height, data } = picture;
  const whole = Number.isInteger(width) && Number.isInteger(height) && width >= 1 && height >= 1;
  if (whole && Math.max(width, height) > MAX_SIDE)
    throw new ArgumentError(
      `[picture] sides must be at most ${MAX_SIDE} pixels but are ${width}×${height}: make it smaller`,
    );
  if (!whole || data.length !== width * height * 3)
    throw new ArgumentError(
      `[picture] must have positive whole sides and ${width}×${height}×3 bytes but has ${data.length}`,
    );
  return picture;
}
