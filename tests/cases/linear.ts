import { extent, gelu, linear, silu, add } from '../../src/engine/index.ts';
import type { CaseList, OpCase, Spec, Values } from '../support/case.ts';
import { diffusionRows, embedded, models, small } from '../support/sizes.ts';

type Options = {
  dtype?: Spec['dtype'];
  bias?: boolean;
  residual?: boolean;
  activation?: 'silu' | 'gelu';
  scale?: number;
  rowsExtent?: boolean;
  timed?: boolean;
  maxBinding?: number;
  quantise?: OpCase['quantise'];
  /** As on a GPU, by these variants. */
  gpu?: readonly string[];
};

function linearCase(M: number, N: number, K: number, o: Options = {}): OpCase {
  const { dtype = 'f32', bias = true } = o;
  const parts = [
    `${M}×${N}×${K}`,
    dtype,
    !bias && 'no bias',
    o.activation,
    o.residual && 'residual',
    o.scale && `scale ${o.scale}`,
    o.maxBinding && 'split',
    o.quantise,
    o.gpu && 'as on a GPU',
  ];
  const height = o.rowsExtent ? extent('rows', M + 70) : M;
  return {
    name: parts.filter(Boolean).join(' '),
    timed: o.timed,
    maxBinding: o.maxBinding,
    quantise: o.quantise,
    gpu: !!o.gpu,
    variants: o.gpu,
    extents: { rows: M },
    tensors: {
      x: { shape: [height, K], scale: o.scale },
      weight: { shape: [N, K], role: 'weight', dtype },
      ...(bias && { bias: { shape: [N], role: 'weight' as const } }),
      ...(o.residual && { residual: { shape: [height, N] } }),
    },
    build(t) {
      let y = linear(t.x, t.weight, t.bias);
      if (o.activation) y = (o.activation === 'gelu' ? gelu : silu)(y);
      return { y: o.residual ? add(t.residual, y) : y };
    },
    reference: (v) => ({ y: reference(v, M, N, K, o.activation) }),
  };
}

function reference(v: Readonly<Record<string, Values>>, M: number, N: number, K: number, activation?: string): Values {
  const y = new Float64Array(M * N);
  for (let m = 0; m < M; m++)
    for (let n = 0; n < N; n++) {
      let sum = v.bias ? v.bias[n] : 0;
      for (let k = 0; k < K; k++) sum += v.x[m * K + k] * v.weight[n * K + k];
      if (activation === 'silu') sum /= 1 + Math.exp(-sum);
      if (activation === 'gelu') sum = 0.5 * sum * (1 + erf(sum / Math.SQRT2));
      y[m * N + n] = sum + (v.residual ? v.residual[m * N + n] : 0);
    }
  return y;
}

/** erf by its Taylor series, or the continued fraction of erfc from 3 on; f64. */
export function erf(x: number): number {
  const a = Math.abs(x);
  if (a < 3) {
    let term = x;
    let sum = x;
    for (let n = 1; n < 120; n++) {
      term *= (-x * x) / n;
      sum += term / (2 * n + 1);
    }
    return (sum * 2) / Math.sqrt(Math.PI);
  }
  let fraction = 0;
  for (let n = 80; n > 0; n--) fraction = n / 2 / (a + fraction);
  return Math.sign(x) * (1 - Math.exp(-a * a) / Math.sqrt(Math.PI) / (a + fraction));
}

type Size = readonly [M: number, N: number, K: number];

/** Every product of every pass, one branch of one picture: MAR stacks, prefill, decoding, the diffusion head and its modulations of ten timesteps. */
const harmonSizes: Size[] = models.flatMap(({ E, mlp, H, KV, I, V, W, tokens, prompts }): Size[] => [
  ...tokens.flatMap((T): Size[] => [
    [T, 3 * E, E],
    [T, E, E],
    [T, mlp, E],
    [T, E, mlp],
  ]),
  ...prompts.flatMap((T): Size[] => [
    [T, H, H],
    [T, KV, H],
    [T, I, H],
    [T, H, I],
  ]),
  [1, H, H],
  [1, I, H],
  [1, H, I],
  [1, V, H],
  ...diffusionRows.map((R): Size => [R, W, W]),
  [10 * 32, 3 * W, W],
]);

/** The same in f32, where peers have nothing else. */
const f32Sizes: Size[] = [
  [1088, 1536, 1536],
  [320, 3072, 768],
  [320, 768, 3072],
  [32, 1536, 1536],
  [8, 1024, 1024],
  [8, 896, 896],
  [1, 8960, 1536],
  [1, 1536, 8960],
  [1, 16384, small.H],
  [96, embedded.I, embedded.H],
];

const timed: OpCase[] = [
  linearCase(335, 1536, 1536, { dtype: 'bf16', bias: false, timed: true }),
  ...f32Sizes.map((size) => linearCase(...size, { bias: false, timed: true })),
  ...distinct(harmonSizes).map((size) => linearCase(...size, { dtype: 'bf16', timed: true })),
];

function distinct(sizes: readonly Size[]): Size[] {
  return sizes.filter((size, i) => sizes.findIndex((other) => String(other) === String(size)) === i);
}

/** Weights of N[0], N[1], … rows side by side. */
function sideBySide(M: number, N: readonly number[], K: number, o: Options = {}): OpCase {
  const { dtype = 'f32', bias = true } = o;
  const columns = N.reduce((a, b) => a + b, 0);
  const numbered = (name: string, shape: (rows: number) => number[], of?: Spec['dtype']) =>
    Object.fromEntries(N.map((rows, i) => [`${name}${i}`, { shape: shape(rows), role: 'weight' as const, dtype: of }]));
  return {
    name: [`${M}×(${N.join('+')})×${K}`, dtype, !bias && 'no bias', o.maxBinding && 'split'].filter(Boolean).join(' '),
    maxBinding: o.maxBinding,
    tensors: {
      x: { shape: [M, K] },
      ...numbered('weight', (rows) => [rows, K], dtype),
      ...(bias && numbered('bias', (rows) => [rows])),
    },
    build: (t) => ({
      y: linear(
        t.x,
        N.map((_, i) => t[`weight${i}`]),
        bias ? N.map((_, i) => t[`bias${i}`]) : [],
      ),
    }),
    reference: (v) => {
      const join = (name: string) => Float64Array.from(N.flatMap((_, i) => [...v[`${name}${i}`]]));
      const all = { x: v.x, weight: join('weight'), ...(bias && { bias: join('bias') }) };
      return { y: reference(all, M, columns, K) };
    },
  };
}

export const list: CaseList = {
  op: 'linear',
  cases: [
    linearCase(31, 32, 33),
    linearCase(32, 33, 31),
    linearCase(33, 31, 32, { bias: false }),
    linearCase(7, 36, 64, { activation: 'silu', rowsExtent: true }),
    linearCase(65, 68, 192, { activation: 'gelu', residual: true, rowsExtent: true }),
    linearCase(40, 257, 255, { activation: 'gelu', residual: true }),
    linearCase(40, 192, 192, { dtype: 'bf16' }),
    linearCase(33, 35, 37, { dtype: 'bf16', residual: true }),
    linearCase(40, 192, 192, { dtype: 'f16' }),
    linearCase(33, 35, 37, { dtype: 'f16', bias: false }),
    linearCase(5, 64, 48, { scale: 1e6 }),
    linearCase(5, 64, 48, { scale: 1e6, dtype: 'bf16' }),
    linearCase(1, 511, 192, { dtype: 'bf16', bias: false }),
    linearCase(1, 257, 255),
    linearCase(1, 64, 4, { activation: 'silu', residual: true }),
    linearCase(1, 300, 37, { dtype: 'f16', activation: 'gelu' }),
    linearCase(9, 100, 64, { dtype: 'bf16', maxBinding: 8192, residual: true }),
    linearCase(1, 100, 64, { maxBinding: 8192 }),
    linearCase(2_100_000, 4, 4),
    // the forms that subgroups of eight lanes take: K in steps of 64
    linearCase(1, 100, 64, { dtype: 'bf16', residual: true }),
    linearCase(1, 36, 192, { activation: 'gelu' }),
    linearCase(1, 260, 128, { dtype: 'f16', bias: false, activation: 'silu' }),
    linearCase(1, 96, 512, { dtype: 'bf16', maxBinding: 33_000 }),
    linearCase(3, 100, 64, { dtype: 'bf16', rowsExtent: true }),
    linearCase(32, 32, 64, { dtype: 'bf16' }),
    linearCase(33, 36, 128, { dtype: 'bf16', activation: 'gelu', residual: true, rowsExtent: true }),
    linearCase(41, 576, 192, { bias: false, residual: true, rowsExtent: true }),
    linearCase(257, 68, 320, { dtype: 'f16', activation: 'silu' }),
    linearCase(300, 100, 64, { dtype: 'bf16', rowsExtent: true, residual: true }),
    linearCase(40, 96, 512, { maxBinding: 90_000, residual: true }),
    linearCase(40, 64, 64, { scale: 1e6, dtype: 'bf16' }),
    ...(['q8', 'q4'] as const).flatMap((quantise) => [
      linearCase(33, 100, 96, { quantise, residual: true, activation: 'silu' }), // no image holds rows of 96
      linearCase(1, 100, 96, { quantise, dtype: 'bf16' }),
      linearCase(7, 35, 160, { quantise, dtype: 'f16', bias: false }),
      linearCase(33, 100, 64, { quantise, dtype: 'bf16', rowsExtent: true, activation: 'gelu' }),
      linearCase(300, 64, 320, { quantise, residual: true }),
      linearCase(1, 260, 128, { quantise, activation: 'silu', residual: true }),
      linearCase(40, 96, 512, { quantise, dtype: 'bf16', maxBinding: 82_000 }),
      linearCase(1, 96, 512, { quantise, maxBinding: 20_000 }),
      linearCase(5, 64, 64, { quantise, scale: 1e6 }),
    ]),
    // what GPUs get: tiles of 32, 64 and 128 rows and columns, K in chunks from 1024 on; 32 or 8 lanes for an output of one row
    linearCase(1, 67, 132, { dtype: 'bf16', activation: 'silu', residual: true, gpu: [] }),
    linearCase(1, 36, 37, { gpu: ['lanes_8'] }),
    linearCase(31, 68, 96, { quantise: 'q4', gpu: [] }),
    linearCase(40, 66, 48, { dtype: 'bf16', activation: 'silu', residual: true, rowsExtent: true, gpu: [] }),
    linearCase(65, 132, 68, { dtype: 'f16', residual: true, gpu: ['tile_128'] }),
    linearCase(7, 66, 1060, { dtype: 'bf16', residual: true, gpu: ['whole', 'tile_64'] }),
    linearCase(33, 36, 1024, { maxBinding: 70_000, gpu: ['chunks_64'] }),
    linearCase(260, 36, 1024, { gpu: ['tile_128'] }),
    sideBySide(33, [32, 64, 36], 64, { dtype: 'bf16' }),
    sideBySide(1, [64, 32, 32], 192, { dtype: 'bf16' }),
    sideBySide(7, [31, 33, 5], 37, { dtype: 'f16' }),
    sideBySide(9, [36, 40], 64, { bias: false }),
    sideBySide(9, [64, 96], 128, { dtype: 'bf16', maxBinding: 9000 }),
    ...timed,
  ],
};
