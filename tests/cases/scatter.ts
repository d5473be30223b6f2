import { scatter } from '../../src/engine/index.ts';
import type { CaseList, OpCase } from '../support/case.ts';

function scatterCase(rows: number, available: number, W: number, timed = false): OpCase {
  return {
    timed,
    name: `${rows} into ${available} rows ×${W}`,
    tensors: {
      target: { shape: [available, W], role: 'state' },
      index: { shape: [rows], dtype: 'u32', fill: (i) => (i * 7) % (available + 1) },
      x: { shape: [rows, W] },
    },
    build: (t) => ({ y: scatter(t.target, t.index, t.x) }),
    reference: (v) => {
      const y = Float64Array.from(v.target);
      for (let r = 0; r < rows; r++)
        if (v.index[r] < available) y.set(v.x.subarray(r * W, (r + 1) * W), v.index[r] * W);
      return { y };
    },
    tolerance: 1e-30,
  };
}

export const list: CaseList = {
  op: 'scatter',
  cases: [scatterCase(5, 12, 16), scatterCase(12, 12, 5), scatterCase(31, 64, 192), scatterCase(32, 1024, 16, true)],
};
