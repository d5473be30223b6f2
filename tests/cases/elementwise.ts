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
    op,
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

const outer = (S: number, R: number, W: number, timed = false): OpCase => ({
  name: `outer_add ${S}×${R} rows ×${W}`,
  op: 'outer_add',
  timed,
  tensors: { a: { shape: [S, W] }, b: { shape: [R, W] } },
  build: (t) => ({ y: outerAdd(t.a, t.b) }),
  reference: (v) => ({
    y: Float64Array.from(
      { length: S * R * W },
      (_, i) => v.a[Math.floor(i / (R * W)) * W + (i % W)] + v.b[i % (R * W)],
    ),
  }),
});

const repeated: OpCase = {
  op: 'add',
  name: 'add 2×3×8 and 3×8',
  tensors: { a: { shape: [2, 3, 8] }, b: { shape: [3, 8] } },
  build: (t) => ({ y: add(t.a, t.b) }),
  reference: (v) => ({ y: v.a.map((a, i) => a + v.b[i % 24]) }),
};

const scaled = (R: number, timed = false): OpCase => ({
  name: `scale ${R}×16 of 32 columns`,
  op: 'scale',
  timed,
  tensors: { x: { shape: [R, 32] } },
  build: (t) => ({ y: scale(columns(t.x, 0, 16), 0.2325) }),
  reference: (v) => ({
    y: Float64Array.from({ length: 16 * R }, (_, i) => v.x[Math.floor(i / 16) * 32 + (i % 16)] * Math.fround(0.2325)),
  }),
});

const views: OpCase = {
  op: 'gated_add',
  name: 'gated_add with columns of a wider matrix',
  tensors: { x: { shape: [9, 12] }, wide: { shape: [9, 36] }, z: { shape: [9, 12] } },
  build: (t) => ({ y: gatedAdd(t.x, columns(t.wide, 24, 12), t.z) }),
  reference: (v) => ({
    y: Float64Array.from({ length: 108 }, (_, i) => v.x[i] + v.wide[Math.floor(i / 12) * 36 + 24 + (i % 12)] * v.z[i]),
  }),
};

const sized = (op: string, R: number, W: number): OpCase => ({
  ...each(R, W).find((c) => c.op === op)!,
  timed: true,
});

const timed: OpCase[] = [
  sized('add', 1088, 1280),
  sized('silu', 335, 1536),
  sized('gelu', 1088, 5120),
  sized('silu_mul', 1103, 8960),
  sized('silu_mul', 335, 4864),
  sized('silu_mul', 1, 8960),
  sized('gated_add', 32, 1536),
  outer(10, 32, 1536, true),
  scaled(1024, true),
];

export const list: CaseList = {
  op: 'elementwise',
  cases: [
    ...each(3, 31),
    ...each(33, 64),
    ...each(5, 16, 30),
    ...each(2, 8, 1e6),
    ...each(1_050_000, 4).slice(0, 1),
    outer(3, 5, 20),
    outer(5, 3, 20),
    outer(2, 17, 7),
    repeated,
    scaled(7),
    scaled(257),
    views,
    ...timed,
  ],
};
