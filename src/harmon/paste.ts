/**
 * Pasting back after an edit. Kept tokens are the original's pixels, bit for bit; made ones are the decoder's. A decoder does not give back
 * exactly what was encoded, so the two would meet in a seam: what it misses on the kept side, smoothed, is added on the made side, fading out
 * across one token. The old content of a made token is never mixed in, so nothing of it shines through.
 */
import type { Edit } from './edit.ts';
import type { Picture } from './image.ts';
import { TOKEN_SIDE as T } from './mask.ts';

/** Weights of a tent over the pixels less than a token away, at index distance + T; their sum is 1. */
const TENT = Float64Array.from({ length: 2 * T + 1 }, (_, i) => (T - Math.abs(i - T)) / T ** 2);

/** The canvas: `made` [m, n] is not 0 for tokens that were made; `decoded` is the whole canvas from the decoder. */
export function pasteBack(
  { picture, origin, grid: [m, n] }: Pick<Edit, 'picture' | 'origin' | 'grid'>,
  decoded: Picture,
  made: Uint8Array,
): Picture {
  const { width, height } = decoded;
  const data = decoded.data.slice();
  const isKept = (row: number, column: number) =>
    row >= 0 && row < m && column >= 0 && column < n && made[row * n + column] === 0;
  const shift = (origin[0] * picture.width + origin[1]) * T;
  /** Where the picture has the kept pixel of row y, column x of the canvas. */
  const original = (y: number, x: number) => (y * picture.width + x - shift) * 3;

  for (let row = 0; row < m; row++)
    for (let column = 0; column < n; column++) {
      if (isKept(row, column)) keep(row, column);
      else if (AROUND.some(([y, x]) => isKept(row + y, column + x))) fit(row, column);
    }
  return { width, height, data };

  function keep(row: number, column: number): void {
    for (let y = row * T; y < (row + 1) * T; y++) {
      const from = original(y, column * T);
      data.set(picture.data.subarray(from, from + 3 * T), (y * width + column * T) * 3);
    }
  }

  /** Adds the tent's mean of original − decoded over the kept pixels around; half of a tent or less is kept where it fades out. */
  function fit(row: number, column: number): void {
    const across = new Float64Array(3 * T * T * 4); // 3T rows of T columns: sums of red, green, blue, and of the weights
    for (let j = 0; j < 3 * T; j++)
      for (let beside = -1; beside <= 1; beside++) {
        if (!isKept(row - 1 + Math.floor(j / T), column + beside)) continue;
        const y = (row - 1) * T + j;
        for (let k = 0; k < T; k++) {
          const x = (column + beside) * T + k;
          const [a, b] = [original(y, x), (y * width + x) * 3];
          for (let i = 0; i < T; i++) {
            const weight = TENT[clamp(beside * T + k - i + T, 0, 2 * T)];
            const at = (j * T + i) * 4;
            for (let c = 0; c < 3; c++) across[at + c] += weight * (picture.data[a + c] - decoded.data[b + c]);
            across[at + 3] += weight;
          }
        }
      }
    for (let j = 0; j < T; j++)
      for (let i = 0; i < T; i++) {
        const sums = [0, 0, 0, 0];
        for (let tap = 0; tap <= 2 * T; tap++)
          for (let c = 0; c < 4; c++) sums[c] += TENT[tap] * across[((j + tap) * T + i) * 4 + c];
        const at = ((row * T + j) * width + column * T + i) * 3;
        for (let c = 0; c < 3; c++)
          data[at + c] = clamp(Math.round(decoded.data[at + c] + sums[c] / Math.max(sums[3], 0.5)), 0, 255);
      }
  }
}

const AROUND = [-1, 0, 1].flatMap((y) => [-1, 0, 1].map((x) => [y, x] as const));

const clamp = (x: number, least: number, most: number): number => Math.min(Math.max(x, least), most);
