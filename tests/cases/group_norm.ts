import { groupNorm, silu } from '../../src/engine/index.ts';
import type { CaseList, OpCase, Values } from '../support/case.ts';

interface Options {
  readonly activated?: boolean;
  readonly shift?: number;
  readonly scale?: number;
  readonly fill?: (index: number) => number;
  readonly tolerance?: number;
  readonly timed?: boolean;
}

function normCase(H: number, W: number, C: number, groups: number, o: Options = {}): OpCase {
  return {
    name: [
      `${H}×${W}×${C} in ${groups} groups`,
      o.activated && 'silu',
      o.shift && `mean ${o.shift}`,
      o.scale && `scale ${o.scale}`,
      o.fill && 'one outlier',
    ]
      .filter(Boolean)
      .join(' '),
    timed: o.timed,
    tolerance: o.tolerance,
    tensors: {
      x: { shape: [H, W, C], shift: o.shift, scale: o.scale, fill: o.fill },
      weight: { shape: [C], role: 'weight' },
      bias: { shape: [C], role: 'weight' },
    },
    build: (t) => {
      const y = groupNorm(t.x, t.weight, t.bias, { groups, eps: 1e-6 });
      return { y: o.activated ? silu(y) : y };
    },
    reference: (v) => ({ y: normalised(v.x, v.weight, v.bias, { channels: C, groups, activated: o.activated }) }),
  };
}

/** x (positions, channels), normalised and activated. */
export function normalised(
  x: Values,
  weight: Values,
  bias: Values,
  { channels: C, groups, activated }: { channels: number; groups: number; activated?: boolean },
): Values {
  const y = new Float64Array(x.length);
  const [wide, n] = [C / groups, x.length / groups];
  const each = (g: number, visit: (at: number, channel: number) => void) => {
    for (let p = 0; p < x.length; p += C) for (let c = g * wide; c < (g + 1) * wide; c++) visit(p + c, c);
  };
  for (let g = 0; g < groups; g++) {
    let [mean, variance] = [0, 0];
    each(g, (at) => (mean += x[at] / n));
    each(g, (at) => (variance += (x[at] - mean) ** 2 / n));
    each(g, (at, c) => {
      y[at] = ((x[at] - mean) / Math.sqrt(variance + 1e-6)) * weight[c] + bias[c];
      if (activated) y[at] /= 1 + Math.exp(-y[at]);
    });
  }
  return y;
}

export const list: CaseList = {
  op: 'group_norm',
  cases: [
    normCase(1, 1, 8, 2),
    normCase(2, 7, 4, 4),
    normCase(7, 9, 32, 4),
    normCase(8, 8, 32, 32, { activated: true }),
    normCase(5, 13, 16, 4),
    normCase(33, 7, 33, 11),
    normCase(9, 8, 64, 8, { activated: true }),
    normCase(16, 16, 36, 3, { activated: true }),
    normCase(3, 3, 300, 1),
    normCase(2, 33, 1040, 2),
    normCase(64, 65, 8, 2, { activated: true }),
    normCase(65, 64, 6, 2),
    normCase(1, 4097, 4, 1),
    normCase(91, 91, 4, 1),
    normCase(128, 129, 6, 3, { shift: 1000, tolerance: 1e-4 }),
    normCase(33, 33, 32, 4, { shift: 1000, tolerance: 1e-4 }),
    normCase(65, 65, 3, 1, { shift: -1000, tolerance: 1e-4 }),
    normCase(7, 9, 32, 4, { scale: 1e7 }),
    normCase(16, 16, 8, 1, { fill: (i) => (i === 0 ? 3e5 : Math.sin(i)), tolerance: 1e-4 }),
    normCase(128, 128, 32, 4, { activated: true, timed: true }),
    normCase(32, 32, 512, 32, { activated: true, timed: true }),
    normCase(64, 64, 512, 32, { timed: true }),
    normCase(128, 128, 256, 32, { activated: true, timed: true }),
    normCase(256, 256, 128, 32, { activated: true, timed: true }),
    normCase(512, 512, 128, 32, { activated: true, timed: true }),
  ],
};
