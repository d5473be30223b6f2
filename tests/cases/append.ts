import { append, columns, extent, rope } from '../../src/engine/index.ts';
import type { CaseList, OpCase } from '../support/case.ts';
import { rotate } from './rope.ts';

interface Options {
  /** Further columns of the tensor that x is a view of. */
  extra?: number;
  /** Rotate x first: heads of the width. */
  heads?: number;
  rowsExtent?: boolean;
  timed?: boolean;
}

/** T rows into a cache of S rows a batch. */
function appendCase(past: number[], T: number, S: number, W: number, o: Options = {}): OpCase {
  const { extra = 0, heads } = o;
  const B = past.length;
  const theta = 1e4;
  return {
    name: `${T} rows at ${past.join(' ')} of ${S} ×${W}${extra ? ' view' : ''}${heads ? ' rope' : ''}${o.rowsExtent ? ' extent' : ''}`,
    timed: o.timed,
    extents: { rows: T },
    tensors: {
      cache: { shape: [B, S, W], role: 'state' },
      x: { shape: [B, o.rowsExtent ? extent('rows', T + 9) : T, W + extra] },
      past: { shape: [B], dtype: 'u32', fill: (i) => past[i] },
    },
    build(t) {
      const x = extra ? columns(t.x, extra, W) : t.x;
      return { y: append(t.cache, heads ? rope(x, { heads, theta, past: t.past }) : x, t.past) };
    },
    reference(v) {
      let x = new Float64Array(B * T * W);
      for (let r = 0; r < B * T; r++) x.set(v.x.subarray(r * (W + extra) + extra, (r + 1) * (W + extra)), r * W);
      if (heads) x = Float64Array.from(rotate(x, past, T, heads, W / heads, theta));
      const y = Float64Array.from(v.cache);
      for (let b = 0; b < B; b++)
        for (let t = 0; t < T && past[b] + t < S; t++)
          y.set(x.subarray((b * T + t) * W, (b * T + t + 1) * W), (b * S + past[b] + t) * W);
      return { y };
    },
    tolerance: heads ? undefined : 1e-30,
  };
}

export const list: CaseList = {
  op: 'append',
  cases: [
    appendCase([0], 7, 7, 16),
    appendCase([0, 30], 33, 64, 64, { rowsExtent: true }),
    appendCase([5, 2], 3, 8, 5),
    appendCase([6, 9, 1], 4, 8, 12), // rows beyond the cache are left out
    appendCase([3, 0], 5, 9, 8, { extra: 4 }),
    appendCase([3, 0], 5, 9, 8, { extra: 3 }),
    appendCase([17, 0], 9, 31, 48, { heads: 3, extra: 8, rowsExtent: true }),
    appendCase([30, 2], 3, 32, 18, { heads: 3 }),
    appendCase([3, 0, 20, 9, 31], 12, 33, 64, { heads: 2, rowsExtent: true }),
    appendCase([24], 600, 1200, 128, { heads: 2, timed: true }),
    appendCase([0], 1103, 1280, 256, { heads: 2, timed: true }),
    appendCase([1103], 1, 1280, 256, { timed: true }),
  ],
};
