import { columns, extent, layerNorm, mulDims, rowRange } from '../../src/engine/index.ts';
import type { CaseList, OpCase } from '../support/case.ts';

function normCase(
  R: number,
  W: number,
  o: {
    affine?: boolean;
    modulated?: boolean;
    shift?: number;
    scale?: number;
    tolerance?: number;
    timed?: boolean;
  } = {},
): OpCase {
  const { affine = true, modulated = false } = o;
  return {
    name: [
      `${R}×${W}`,
      affine && 'affine',
      modulated && 'modulated',
      o.shift && `mean ${o.shift}`,
      o.scale && `scale ${o.scale}`,
    ]
      .filter(Boolean)
      .join(' '),
    timed: o.timed,
    tolerance: o.tolerance,
    tensors: {
      x: { shape: [R, W], shift: o.shift, scale: o.scale },
      ...(affine && { weight: { shape: [W], role: 'weight' as const }, bias: { shape: [W], role: 'weight' as const } }),
      ...(modulated && { modulation: { shape: [R, 2 * W] } }),
    },
    build: (t) => ({
      y: layerNorm(t.x, {
        eps: 1e-6,
        weight: t.weight,
        bias: t.bias,
        ...(modulated && { shift: columns(t.modulation, 0, W), scale: columns(t.modulation, W, W) }),
      }),
    }),
    reference: (v) => {
      const y = new Float64Array(R * W);
      for (let r = 0; r < R; r++) {
        const x = v.x.subarray(r * W, (r + 1) * W);
        const mean = x.reduce((a, b) => a + b, 0) / W;
        const variance = x.reduce((a, b) => a + (b - mean) ** 2, 0) / W;
        for (let c = 0; c < W; c++) {
          let n = (x[c] - mean) / Math.sqrt(variance + 1e-6);
          if (affine) n = n * v.weight[c] + v.bias[c];
          if (modulated) n = n * (1 + v.modulation[r * 2 * W + W + c]) + v.modulation[r * 2 * W + c];
          y[r * W + c] = n;
        }
      }
      return { y };
    },
  };
}

const step = extent('step', 4);
const rows = extent('rows', 9);

/** The diffusion head's use: a step's rows of a table of modulations, in columns, at run-time extents. */
const windowed: OpCase = {
  name: 'rows of a step, three columns',
  extents: { step: 2, rows: 7 },
  tensors: { x: { shape: [rows, 24] }, table: { shape: [mulDims(5, rows), 72] } },
  build: (t) => {
    const at = rowRange(t.table, mulDims(step, rows), rows);
    return { y: layerNorm(t.x, { eps: 1e-6, shift: columns(at, 0, 24), scale: columns(at, 24, 24) }) };
  },
  reference: (v) => {
    const y = new Float64Array(7 * 24);
    for (let r = 0; r < 7; r++) {
      const x = v.x.subarray(r * 24, (r + 1) * 24);
      const mean = x.reduce((a, b) => a + b, 0) / 24;
      const variance = x.reduce((a, b) => a + (b - mean) ** 2, 0) / 24;
      const m = (2 * 7 + r) * 72;
      for (let c = 0; c < 24; c++)
        y[r * 24 + c] = ((x[c] - mean) / Math.sqrt(variance + 1e-6)) * (1 + v.table[m + 24 + c]) + v.table[m + c];
    }
    return { y };
  },
};

export const list: CaseList = {
  op: 'layer_norm',
  cases: [
    normCase(1, 4),
    normCase(7, 31),
    normCase(8, 32, { affine: false }),
    normCase(9, 33, { modulated: true }),
    normCase(65, 192, { modulated: true, affine: false }),
    normCase(33, 257),
    normCase(5, 192, { shift: 1000, tolerance: 1e-4 }),
    normCase(5, 192, { scale: 1e7 }),
    normCase(600_000, 4),
    windowed,
    normCase(1088, 1280, { timed: true }),
    normCase(320, 768, { timed: true }),
    normCase(32, 1024, { modulated: true, timed: true }),
    normCase(128, 1536, { modulated: true, timed: true }),
    normCase(80, 192, { timed: true }),
  ],
};
