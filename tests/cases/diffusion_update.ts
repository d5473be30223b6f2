import { diffusionUpdate, extent, mulDims } from '../../src/engine/index.ts';
import type { CaseList, OpCase } from '../support/case.ts';

const C = 16;
const S = 5;

function updateCase(R: number, step: number, branches: 1 | 2, timed = false): OpCase {
  const rows = extent('rows', R + 4);
  const at = extent('step', S - 1);
  return {
    timed,
    name: `${R} rows, step ${step}${branches === 2 ? ', guided' : ''}`,
    extents: { rows: R, step },
    tensors: {
      // both branches hold the same state
      x: { shape: [mulDims(branches, rows), C], role: 'state', fill: (i) => Math.sin((i % (R * C)) + 1) },
      head: { shape: [mulDims(branches, rows), 2 * C] },
      noise: { shape: [S, rows, C] },
      coefficients: {
        shape: [S, 8],
        fill: (i) => [316.2, 316.2, 0.0155, 0.99, -2.5, -1.1, 3, 0.9][i % 8] + Math.floor(i / 8) * 0.1,
      },
    },
    build: (t) => ({ y: diffusionUpdate(t.x, t.head, t.noise, t.coefficients, { step: at, branches, rows }) }),
    reference: (v) => {
      const y = new Float64Array(branches * R * C);
      const [ra, rm, c1, c2, low, high, guidance, temperature] = v.coefficients.subarray(step * 8, step * 8 + 8);
      for (let i = 0; i < R * C; i++) {
        const from = Math.floor(i / C) * 2 * C + (i % C);
        let e = v.head[from];
        if (branches === 2) {
          const without = v.head[R * 2 * C + from];
          e = without + guidance * (e - without);
        }
        const f = (v.head[from + C] + 1) / 2;
        const deviation = Math.exp((f * high + (1 - f) * low) / 2);
        const x = c1 * (ra * v.x[i] - rm * e) + c2 * v.x[i] + deviation * v.noise[step * R * C + i] * temperature;
        for (let b = 0; b < branches; b++) y[b * R * C + i] = x;
      }
      return { y };
    },
  };
}

export const list: CaseList = {
  op: 'diffusion_update',
  cases: [
    updateCase(1, 0, 1),
    updateCase(3, 4, 2),
    updateCase(12, 2, 2),
    updateCase(33, 1, 1),
    updateCase(16, 2, 2, true),
  ],
};
