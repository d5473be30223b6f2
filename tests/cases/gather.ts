import { extent, gather } from '../../src/engine/index.ts';
import type { CaseList, OpCase, Spec } from '../support/case.ts';

function gatherCase(
  rows: number,
  sizes: readonly number[],
  W: number,
  o: {
    dtype?: Spec['dtype'];
    weight?: boolean;
    maxBinding?: number;
    quantise?: OpCase['quantise'];
    timed?: boolean;
  } = {},
): OpCase {
  const total = sizes.reduce((a, b) => a + b, 0);
  return {
    name: [`${rows} of ${sizes.join('+')} rows ×${W}`, o.dtype, o.maxBinding && 'split', o.quantise]
      .filter(Boolean)
      .join(' '),
    timed: o.timed,
    maxBinding: o.maxBinding,
    quantise: o.quantise,
    extents: { rows },
    tensors: {
      index: { shape: [extent('rows', rows + 3)], dtype: 'u32', fill: (i) => (i * 7919) % total },
      ...Object.fromEntries(
        sizes.map(
          (n, i) =>
            [
              `s${i}`,
              i === 0 && o.weight ? { shape: [n, W], role: 'weight', dtype: o.dtype } : { shape: [n, W] },
            ] as const,
        ),
      ),
    },
    build: (t) => ({ y: gather(t.index, ...sizes.map((_, i) => t[`s${i}`])) }),
    reference: (v) => {
      const all = sizes.flatMap((n, i) => Array.from({ length: n }, (_, r) => v[`s${i}`].subarray(r * W, (r + 1) * W)));
      const y = new Float64Array(rows * W);
      for (let r = 0; r < rows; r++) y.set(all[v.index[r]], r * W);
      return { y };
    },
    tolerance: 1e-30,
  };
}

export const list: CaseList = {
  op: 'gather',
  cases: [
    gatherCase(33, [17], 31),
    gatherCase(64, [1, 40], 192),
    gatherCase(65, [3, 1, 9], 5),
    gatherCase(900, [70, 200], 64),
    gatherCase(20, [511], 192, { weight: true, dtype: 'bf16' }),
    gatherCase(20, [51, 7], 33, { weight: true, dtype: 'bf16' }),
    gatherCase(20, [51, 7], 36, { weight: true, dtype: 'f16' }),
    gatherCase(20, [100, 5], 64, { weight: true, maxBinding: 8192 }),
    gatherCase(40, [511, 3], 192, { weight: true, dtype: 'bf16', quantise: 'q8' }),
    gatherCase(40, [511, 3], 160, { weight: true, quantise: 'q4', maxBinding: 8192 }),
    // tables in blocks, where subgroups have four or eight lanes
    gatherCase(40, [100, 3], 192, { weight: true }),
    gatherCase(40, [100, 3], 64, { weight: true, dtype: 'bf16' }),
    gatherCase(40, [68], 128, { weight: true, dtype: 'f16' }),
    gatherCase(40, [100, 3], 64, { weight: true, dtype: 'bf16', maxBinding: 4096 }),
    gatherCase(40, [100, 3], 64, { weight: true, dtype: 'bf16', quantise: 'q8' }),
    gatherCase(40, [132, 3], 192, { weight: true, quantise: 'q4', maxBinding: 8192 }),
    gatherCase(1_100_000, [7], 4),
    gatherCase(1088, [1, 1024], 768, { timed: true }),
    gatherCase(1103, [151936], 896, { weight: true, dtype: 'bf16', timed: true }),
    gatherCase(1, [151936], 896, { weight: true, dtype: 'bf16', timed: true }),
  ],
};
