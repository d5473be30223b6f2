/**
 * The learnt position tables at a picture size they were not stored for: the image part is resized as PyTorch's bilinear
 * `interpolate` does it (align_corners=false, no antialiasing); the rows of the buffer tokens stay as they are.
 */
import { ArgumentError } from '../engine/index.ts';

/**
 * `table` is [buffers + side·side, width] for a square stored grid; returns [buffers + rows·columns, width]
 * (the table itself when the grid is the stored one). Pass `buffers` 0 for the diffusion table.
 */
export function resamplePositions(
  table: Float32Array,
  width: number,
  buffers: number,
  grid: readonly [rows: number, columns: number],
): Float32Array {
  const side = Math.sqrt(table.length / width - buffers);
  if (!Number.isInteger(side) || side < 1)
    throw new ArgumentError(
      `[positions] a table must hold ${buffers} buffer rows and a square grid of width ${width} but has ${table.length} values`,
    );
  const [rows, columns] = grid;
  if (!(Number.isInteger(rows) && rows >= 1 && Number.isInteger(columns) && columns >= 1))
    throw new ArgumentError(`[positions] a grid must be two positive whole numbers but is ${rows}×${columns}`);
  if (rows === side && columns === side) return table;
  const image = table.subarray(buffers * width);
  const out = new Float32Array((buffers + rows * columns) * width);
  out.set(table.subarray(0, buffers * width));
  const across = Array.from({ length: columns }, (_, x) => source(x, columns, side));
  for (let y = 0; y < rows; y++) {
    const { low: y0, high: y1, part: v } = source(y, rows, side);
    for (let x = 0; x < columns; x++) {
      const { low: x0, high: x1, part: u } = across[x];
      const [a, b] = [(y0 * side + x0) * width, (y0 * side + x1) * width];
      const [c, d] = [(y1 * side + x0) * width, (y1 * side + x1) * width];
      const at = (buffers + y * columns + x) * width;
      for (let i = 0; i < width; i++)
        out[at + i] =
          (1 - v) * ((1 - u) * image[a + i] + u * image[b + i]) + v * ((1 - u) * image[c + i] + u * image[d + i]);
    }
  }
  return out;
}

/** Which two stored rows (or columns) position `i` of `count` lies between, and how far towards the second. */
function source(i: number, count: number, side: number): { low: number; high: number; part: number } {
  const at = Math.max(0, ((i + 0.5) * side) / count - 0.5);
  const low = Math.floor(at);
  return { low, high: Math.min(low + 1, side - 1), part: at - low };
}
