import { upsample } from '../../src/engine/index.ts';
import type { CaseList, OpCase } from '../support/case.ts';

function upsampleCase(H: number, W: number, C: number, timed = false): OpCase {
  return {
    name: `${H}×${W}×${C}`,
    timed,
    tensors: { x: { shape: [H, W, C] } },
    build: (t) => ({ y: upsample(t.x) }),
    reference: (v) => {
      const y = new Float64Array(4 * H * W * C);
      for (let r = 0; r < 2 * H; r++)
        for (let c = 0; c < 2 * W; c++)
          for (let n = 0; n < C; n++)
            y[(r * 2 * W + c) * C + n] = v.x[(Math.floor(r / 2) * W + Math.floor(c / 2)) * C + n];
      return { y };
    },
    tolerance: 1e-30,
  };
}

export const list: CaseList = {
  op: 'upsample',
  cases: [
    upsampleCase(1, 1, 1),
    upsampleCase(2, 7, 5),
    upsampleCase(16, 7, 32),
    upsampleCase(7, 33, 33),
    upsampleCase(64, 64, 128, true),
    upsampleCase(256, 256, 128, true),
  ],
};
