import { type Tensor, add, columns, gatedAdd, gelu, outerAdd, scale, silu, siluMul } from '../../src/engine/index.ts';
import type { CaseList, OpCase } from '../support/case.ts';
import { erf } from './linear.ts';

type Tensors = Readonly<Record<string, Tensor>>;
const silu64 = (x: number) => x / (1 + Math.exp(-x));

function pointwise(
  op: string,
  names: string,
  build: (t: Tensors) => Tensor,
  f: (...v: number[]) => number,
  R: number,
  W: number,
  scale = 1,
): OpCase {
  const inputs = names.split(' ');
  return {
    name: `${op} ${R}×${W}${scale === 1 ? '' : ` scale ${scale}`}`,
    tensors: Object.fromEntries(inputs.map((n) => [n, { shape: [R, W], scale }])),
    build: (t) => ({ y: build(t) }),
    reference: (v) => ({ y: Float64Array.from({ length: R * W }, (_, i) => f(...inputs.map((n) => v[n][i]))) }),
  };
}

const each = (R: number, W: number, scale?: number): OpCase[] => [
  pointwise(
    'add',
    'a b',
    (t) => add(t.a, t.b),
    (a, b) => a + b,
    R,
    W,
    scale,
  ),
  pointwise('silu', 'x', (t) => silu(t.x), silu64, R, W, scale),
  pointwise(
    'gelu',
    'x',
    (t) => gelu(t.x),
    (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
    R,
    W,
    scale,
  ),
  pointwise(
    'silu_mul',
    'gate up',
    (t) => siluMul(t.gate, t.up),
    (g, u) => silu64(g) * u,
    R,
    W,
    scale,
  ),
  pointwise(
    'gated_add',
    'x gate z',
    (t) => gatedAdd(t.x, t.gate, t.z),
    (x, g, z) => x + g * z,
    R,
    W,
    scale,
  ),
];

const outer: OpCase = {
  name: 'outer_add 3×5 rows ×20',
  tensors: { a: { shape: [3, 20] }, b: { shape: [5, 20] } },
  build: (t) => ({ y: outerAdd(t.a, t.b) }),
  reference: (v) => ({
    y: Float64Array.from({ length: 300 }, (_, i) => v.a[Math.floor(i / 100) * 20 + (i % 20)] + v.b[i % 100]),
  }),
};

const repeated: OpCase = {
  name: 'add 2×3×8 and 3×8',
  tensors: { a: { shape: [2, 3, 8] }, b: { shape: [3, 8] } },
  build: (t) => ({ y: add(t.a, t.b) }),
  reference: (v) => ({ y: v.a.map((a, i) => a + v.b[i % 24]) }),
};

const scaled: OpCase = {
  name: 'scale of columns',
  tensors: { x: { shape: [7, 32] } },
  build: (t) => ({ y: scale(columns(t.x, 0, 16), 0.2325) }),
  reference: (v) => ({
    y: Float64Array.from({ length: 112 }, (_, i) => v.x[Math.floor(i / 16) * 32 + (i % 16)] * Math.fround(0.2325)),
  }),
};

const views: OpCase = {
  name: 'gated_add with columns of a wider matrix',
  tensors: { x: { shape: [9, 12] }, wide: { shape: [9, 36] }, z: { shape: [9, 12] } },
  build: (t) => ({ y: gatedAdd(t.x, columns(t.wide, 24, 12), t.z) }),
  reference: (v) => ({
    y: Float64Array.from({ length: 108 }, (_, i) => v.x[i] + v.wide[Math.floor(i / 12) * 36 + 24 + (i % 12)] * v.z[i]),
  }),
};

export const list: CaseList = {
  op: 'elementwise',
  cases: [
    ...each(3, 31),
    ...each(33, 64),
    ...each(5, 16, 30),
    ...each(2, 8, 1e6),
    ...each(1_050_000, 4).slice(0, 1),
    outer,
    repeated,
    scaled,
    views,
  ],
};
