import { columns, extent, rope } from '../../src/engine/index.ts';
import type { CaseList, OpCase, Values } from '../support/case.ts';

interface Options {
  theta?: number;
  /** Further columns of the tensor that x is a view of. */
  extra?: number;
  rowsExtent?: boolean;
  timed?: boolean;
  tolerance?: number;
}

function ropeCase(past: number[], T: number, heads: number, D: number, o: Options = {}): OpCase {
  const { theta = 1e6, extra = 0 } = o;
  const B = past.length;
  const W = heads * D;
  return {
    name: `past ${past.join(' ')} ${B}×${T} ${heads}·${D}${extra ? ' view' : ''}${o.rowsExtent ? ' extent' : ''}`,
    timed: o.timed,
    tolerance: o.tolerance,
    extents: { rows: T },
    tensors: {
      x: { shape: [B, o.rowsExtent ? extent('rows', T + 9) : T, W + extra] },
      past: { shape: [B], dtype: 'u32', fill: (i) => past[i] },
    },
    build: (t) => ({ y: rope(extra ? columns(t.x, extra, W) : t.x, { heads, theta, past: t.past }) }),
    reference(v) {
      const x = new Float64Array(B * T * W);
      for (let r = 0; r < B * T; r++) x.set(v.x.subarray(r * (W + extra) + extra, (r + 1) * (W + extra)), r * W);
      return { y: rotate(x, past, T, heads, D, theta) };
    },
  };
}

/** x (B, T, heads·D) rotated, in f64. */
export function rotate(x: Values, past: readonly number[], T: number, heads: number, D: number, theta: number): Values {
  const y = new Float64Array(x.length);
  for (let row = 0; row < past.length * T; row++)
    for (let head = 0; head < heads; head++)
      for (let i = 0; i < D / 2; i++) {
        const angle = (past[Math.floor(row / T)] + (row % T)) * theta ** ((-2 * i) / D);
        const at = (row * heads + head) * D + i;
        const [a, b] = [x[at], x[at + D / 2]];
        y[at] = a * Math.cos(angle) - b * Math.sin(angle);
        y[at + D / 2] = b * Math.cos(angle) + a * Math.sin(angle);
      }
  return y;
}

export const list: CaseList = {
  op: 'rope',
  cases: [
    ropeCase([0], 33, 3, 64),
    ropeCase([12, 24], 65, 14, 64),
    ropeCase([1990, 5], 7, 2, 128, { rowsExtent: true }),
    ropeCase([32000, 0], 9, 2, 64, { tolerance: 1e-6 }),
    ropeCase([3_000_000], 3, 2, 64, { tolerance: 1e-6 }),
    ropeCase([700], 5, 3, 10, { theta: 1e4 }),
    ropeCase([40, 41], 1, 3, 20, { extra: 3 }),
    ropeCase([40, 41], 31, 3, 32, { extra: 12 }),
    ropeCase([40, 3, 0, 17, 9], 21, 2, 64, { rowsExtent: true }),
    ropeCase([100], 1, 1, 2),
    ropeCase([24], 600, 14, 64, { timed: true }),
    ropeCase([0], 1103, 12, 128, { timed: true }),
    ropeCase([1103], 1, 12, 128, { timed: true }),
  ],
};
