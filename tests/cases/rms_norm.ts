import { columns, extent, rmsNorm } from '../../src/engine/index.ts';
import type { CaseList, OpCase } from '../support/case.ts';

function normCase(R: number, W: number, o: { scale?: number; view?: boolean; timed?: boolean } = {}): OpCase {
  const wide = o.view ? W + 8 : W;
  return {
    name: [`${R}×${W}`, o.scale && `scale ${o.scale}`, o.view && 'columns of a wider matrix'].filter(Boolean).join(' '),
    timed: o.timed,
    extents: { rows: R },
    tensors: { x: { shape: [extent('rows', R + 5), wide], scale: o.scale }, weight: { shape: [W], role: 'weight' } },
    build: (t) => ({ y: rmsNorm(o.view ? columns(t.x, 8, W) : t.x, t.weight, { eps: 1e-6 }) }),
    reference: (v) => {
      const y = new Float64Array(R * W);
      for (let r = 0; r < R; r++) {
        const x = v.x.subarray(r * wide + wide - W, (r + 1) * wide);
        const mean = x.reduce((a, b) => a + b * b, 0) / W;
        for (let c = 0; c < W; c++) y[r * W + c] = (x[c] / Math.sqrt(mean + 1e-6)) * v.weight[c];
      }
      return { y };
    },
  };
}

export const list: CaseList = {
  op: 'rms_norm',
  cases: [
    normCase(1, 4),
    normCase(7, 31),
    normCase(8, 192),
    normCase(33, 257),
    normCase(9, 64, { view: true }),
    normCase(5, 192, { scale: 1e8 }),
    normCase(5, 192, { scale: 1e-4 }),
    normCase(1103, 1536, { timed: true }),
    normCase(335, 896, { timed: true }),
    normCase(1, 1536, { timed: true }),
    normCase(95, 192, { timed: true }),
  ],
};
