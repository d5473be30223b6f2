import { type Tensor, add, attention, columns, extent, reshape, rowRange, scale } from '../../src/engine/index.ts';
import type { CaseList, OpCase, Spec, Values } from '../support/case.ts';
import { models } from '../support/sizes.ts';

interface Options {
  batch?: number;
  /** Query heads a kv head, and kv heads. */
  sharing?: number;
  kvHeads?: number;
  causal?: boolean;
  /** Keys allocated in a cache, and how many of them are there before row 0 of each batch. */
  cache?: { length: number; past: number[] };
  /** The picture's rows are an extent smaller than its maximum. */
  rowsExtent?: boolean;
  /** Values of q and k (and, without a scale of its own, v). */
  fill?: Spec['fill'];
  scale?: number;
  vScale?: number;
  /** Rows of the cache that nothing was appended to hold NaN. */
  garbage?: boolean;
  timed?: boolean;
  tolerance?: number;
}

/** Rows T, head width D. Without a cache q, k and v are columns of one tensor. */
function attentionCase(T: number, D: number, o: Options = {}): OpCase {
  const { batch: B = 1, sharing: G = 1, kvHeads = 2, causal = false, cache } = o;
  const [E, KV] = [G * kvHeads * D, kvHeads * D];
  const S = cache?.length ?? T;
  const rows = o.rowsExtent ? extent('rows', T + 37) : T;
  const heads = { heads: G * kvHeads, kvHeads, causal };
  const values = { fill: o.fill, scale: o.scale };
  const garbage = o.garbage && {
    fill: (i: number) => (Math.floor(i / KV) % S < cache!.past[Math.floor(i / (S * KV))] + T ? whole(i) / 300 : NaN),
  };
  const name = [
    `${B}×${T}×${S}×${D}`,
    `${G}·${kvHeads} heads`,
    causal && 'causal',
    cache && `past ${cache.past.join(' ')}`,
    o.rowsExtent && 'extent',
    o.garbage && 'NaN beyond',
    (o.fill || o.scale || o.vScale) && 'large',
  ];
  return {
    name: name.filter(Boolean).join(' '),
    timed: o.timed,
    flops: 4 * E * scores(T, S, causal, cache?.past ?? Array<number>(B).fill(0)),
    tolerance: o.tolerance,
    extents: { rows: T },
    tensors: cache
      ? {
          q: { shape: [B, rows, E], ...values },
          k: { shape: [B, S, KV], role: 'state', ...values, ...garbage },
          v: { shape: [B, S, KV], role: 'state', scale: o.vScale, ...garbage },
          past: { shape: [B], dtype: 'u32', fill: (i) => cache.past[i] },
        }
      : { qkv: { shape: [B, rows, E + 2 * KV], ...values } },
    build(t) {
      if (cache) return { y: attention(t.q, t.k, t.v, { ...heads, past: t.past }) };
      return { y: attention(...split(t.qkv, E, KV), heads) };
    },
    reference(v) {
      if (cache) return { y: reference(v.q, v.k, v.v, { B, T, S, D, G, kvHeads, causal, past: cache.past }) };
      const part = (start: number, width: number) => {
        const out = new Float64Array(B * T * width);
        const stride = E + 2 * KV;
        for (let r = 0; r < B * T; r++)
          out.set(v.qkv.subarray(r * stride + start, r * stride + start + width), r * width);
        return out;
      };
      const past = Array<number>(B).fill(0);
      return { y: reference(part(0, E), part(E, KV), part(E + KV, KV), { B, T, S, D, G, kvHeads, causal, past }) };
    },
  };
}

/** Query-key pairs of one head that are used. */
function scores(T: number, S: number, causal: boolean, past: readonly number[]): number {
  const keys = (before: number, t: number) => Math.min(S, before + (causal ? t + 1 : T));
  return past.reduce(
    (sum, before) => Array.from({ length: T }, (_, t) => keys(before, t)).reduce((a, b) => a + b, sum),
    0,
  );
}

function split(qkv: Tensor, E: number, KV: number): [Tensor, Tensor, Tensor] {
  return [columns(qkv, 0, E), columns(qkv, E, KV), columns(qkv, E + KV, KV)];
}

interface Sizes {
  B: number;
  T: number;
  S: number;
  D: number;
  G: number;
  kvHeads: number;
  causal: boolean;
  past: number[];
}

function reference(q: Values, k: Values, v: Values, s: Sizes): Values {
  const { B, T, S, D, G, kvHeads } = s;
  const [E, KV] = [G * kvHeads * D, kvHeads * D];
  const y = new Float64Array(B * T * E);
  for (let b = 0; b < B; b++)
    for (let t = 0; t < T; t++)
      for (let head = 0; head < G * kvHeads; head++) {
        const keys = Math.min(S, s.past[b] + (s.causal ? t + 1 : T));
        const qAt = (b * T + t) * E + head * D;
        const kvAt = b * S * KV + Math.floor(head / G) * D;
        const scores = Array.from({ length: keys }, (_, j) => {
          let sum = 0;
          for (let d = 0; d < D; d++) sum += q[qAt + d] * k[kvAt + j * KV + d];
          return sum / Math.sqrt(D);
        });
        const top = Math.max(...scores);
        const weights = scores.map((x) => Math.exp(x - top));
        const total = weights.reduce((a, x) => a + x, 0);
        for (let j = 0; j < keys; j++)
          for (let d = 0; d < D; d++) y[qAt + d] += (weights[j] / total) * v[kvAt + j * KV + d];
      }
  return y;
}

/**
 * Row t of batch b, computed alone over the cache, is bit for bit the row computed among others: their difference is 0. That there is one row is
 * known only to the run.
 */
function aloneCase(D: number, b: number, t: number): OpCase {
  const [B, T, S, G] = [2, 33, 100, 3];
  const heads = { heads: 2 * G, kvHeads: 2, causal: true };
  const E = 2 * G * D;
  const past = [41, 0];
  const single = extent('single', 1);
  const one = (x: Tensor, row: number, count: number | typeof single = single) =>
    reshape(rowRange(reshape(x, [x.shape[0] === B ? B * (x.shape[1] as number) : 1, x.shape[2]]), row, count), [
      1,
      count,
      x.shape[2],
    ]);
  return {
    name: `row ${t} of batch ${b} alone ×${D}`,
    tolerance: 1e-30,
    extents: { single: 1 },
    tensors: {
      q: { shape: [B, T, E], scale: 4 },
      k: { shape: [B, S, 2 * D], role: 'state', scale: 4 },
      v: { shape: [B, S, 2 * D], role: 'state' },
      past: { shape: [B], dtype: 'u32', fill: (i) => past[i] },
      pastAlone: { shape: [1], dtype: 'u32', fill: () => past[b] + t },
    },
    build(tensors) {
      const { q, k, v } = tensors;
      const among = attention(q, k, v, { ...heads, past: tensors.past });
      const alone = attention(one(q, b * T + t), one(k, b * S, S), one(v, b * S, S), {
        ...heads,
        past: tensors.pastAlone,
      });
      return { difference: add(one(among, b * T + t), scale(alone, -1)) };
    },
    reference: () => ({ difference: new Float64Array(E) }),
  };
}

/** The same for one token over a cache: its bits follow neither from the length of the cache nor from what else is in the batch. */
function tokenCase(D: number, G: number, past: number): OpCase {
  const [S, short] = [300, past + 1];
  const heads = { heads: 2 * G, kvHeads: 2, causal: true };
  const E = 2 * G * D;
  const last = (x: Tensor, rows: number) =>
    reshape(rowRange(reshape(x, [2 * (x.shape[1] as number), x.shape[2]]), x.shape[1] as number, rows), [
      1,
      rows,
      x.shape[2],
    ]);
  return {
    name: `token at ${past} alone ${G}×${D}`,
    tolerance: 1e-30,
    tensors: {
      q: { shape: [2, 1, E], scale: 4 },
      k: { shape: [2, S, 2 * D], role: 'state', scale: 4 },
      v: { shape: [2, S, 2 * D], role: 'state' },
      past: { shape: [2], dtype: 'u32', fill: (i) => [250, past][i] },
      pastAlone: { shape: [1], dtype: 'u32', fill: () => past },
    },
    build(t) {
      const among = attention(t.q, t.k, t.v, { ...heads, past: t.past });
      const alone = attention(last(t.q, 1), last(t.k, short), last(t.v, short), { ...heads, past: t.pastAlone });
      return { difference: add(last(among, 1), scale(alone, -1)) };
    },
    reference: () => ({ difference: new Float64Array(E) }),
  };
}

/** Whole numbers of either sign up to 300: products of two rows are exact in f32, so are their scores for D = 64. */
const whole = (i: number) => ((i * 7919) % 601) - 300;

/** MAR stacks; the language model over the visible tokens, in a prefill and in decode steps; the VAE's one head of 512. */
const timed: OpCase[] = [
  ...models.flatMap(({ E, marHeads, heads, kvHeads, D, tokens, prompts }) => [
    ...tokens.map((T) => attentionCase(T, E / marHeads, { kvHeads: marHeads, timed: true })),
    attentionCase(1, D, {
      sharing: heads / kvHeads,
      kvHeads,
      causal: true,
      cache: { length: 2048, past: [2047] },
      timed: true,
    }),
    ...prompts.flatMap((T) =>
      [
        { T: Math.ceil(T / 2), past: 24 },
        { T, past: 0 },
        { T: 1, past: T },
      ].map(({ T: rows, past }) => {
        const cache = { length: rows + past, past: [past] };
        return attentionCase(rows, D, { sharing: heads / kvHeads, kvHeads, causal: true, cache, timed: true });
      }),
    ),
  ]),
  attentionCase(256, 512, { kvHeads: 1, timed: true }),
  attentionCase(1024, 512, { kvHeads: 1, timed: true }),
];

export const list: CaseList = {
  op: 'attention',
  cases: [
    attentionCase(1, 64),
    attentionCase(7, 64),
    attentionCase(31, 32, { causal: true }),
    attentionCase(32, 64, { batch: 2 }),
    attentionCase(33, 80, { rowsExtent: true }),
    attentionCase(63, 64, { causal: true, rowsExtent: true, batch: 2 }),
    attentionCase(65, 5, { sharing: 3 }),
    attentionCase(33, 33, { causal: true, sharing: 3 }),
    attentionCase(65, 128, { sharing: 3, causal: true }),
    attentionCase(257, 32, { kvHeads: 1 }),
    attentionCase(257, 32, { kvHeads: 3 }),
    attentionCase(15, 36, { batch: 2 }),
    attentionCase(16, 64, { causal: true, sharing: 2 }),
    attentionCase(17, 128, { batch: 2, rowsExtent: true }),
    attentionCase(17, 256, { causal: true, batch: 2 }),
    attentionCase(33, 512, { kvHeads: 1, scale: 30 }),
    attentionCase(2, 4, { causal: true, cache: { length: 33, past: [30] } }),
    attentionCase(65, 512, { kvHeads: 1 }),
    attentionCase(33, 520, { kvHeads: 1, batch: 2 }),
    attentionCase(5, 133, { causal: true, kvHeads: 1 }),
    attentionCase(1, 64, { sharing: 7, causal: true, cache: { length: 300, past: [256] } }),
    attentionCase(1, 64, { causal: true, batch: 2, cache: { length: 64, past: [63, 0] } }),
    attentionCase(1, 80, { sharing: 2, causal: true, batch: 3, cache: { length: 200, past: [64, 199, 127] } }),
    attentionCase(1, 128, {
      sharing: 6,
      causal: true,
      garbage: true,
      batch: 2,
      cache: { length: 260, past: [0, 128] },
    }),
    attentionCase(1, 32, { sharing: 3, cache: { length: 1200, past: [1000] } }),
    attentionCase(1, 256, { sharing: 2, kvHeads: 3, causal: true, cache: { length: 100, past: [99] } }),
    attentionCase(1, 64, { sharing: 12, kvHeads: 1, causal: true, cache: { length: 130, past: [100] } }),
    attentionCase(1, 64, { sharing: 7, scale: 1e5, causal: true, cache: { length: 300, past: [280] } }),
    attentionCase(1, 5, { sharing: 3, causal: true, cache: { length: 40, past: [32] } }),
    attentionCase(1, 512, { kvHeads: 1, causal: true, cache: { length: 40, past: [31] } }),
    attentionCase(33, 64, { sharing: 7, causal: true, batch: 2, cache: { length: 100, past: [65, 31] } }),
    attentionCase(7, 128, {
      sharing: 3,
      causal: true,
      batch: 2,
      cache: { length: 70, past: [0, 32] },
      rowsExtent: true,
    }),
    attentionCase(9, 64, { batch: 2, cache: { length: 48, past: [39, 7] } }),
    attentionCase(9, 64, { causal: true, cache: { length: 12, past: [8] } }), // the last rows see all 12
    attentionCase(9, 64, { causal: true, batch: 2, sharing: 3, garbage: true, cache: { length: 64, past: [20, 30] } }),
    attentionCase(21, 64, { batch: 5, rowsExtent: true }),
    attentionCase(21, 64, { batch: 5 }), // its windows begin within rows
    attentionCase(9, 64, {
      batch: 5,
      causal: true,
      sharing: 3,
      rowsExtent: true,
      cache: { length: 40, past: [3, 0, 31, 20, 9] },
    }),
    attentionCase(65, 64, { fill: whole, causal: true }),
    attentionCase(33, 64, { fill: whole, vScale: 1e6, sharing: 7, causal: true, cache: { length: 90, past: [50] } }),
    attentionCase(33, 80, { scale: 1e5 }),
    attentionCase(257, 64, { kvHeads: 5 }),
    attentionCase(260, 80, { kvHeads: 4, batch: 2, rowsExtent: true }),
    attentionCase(300, 32, { kvHeads: 48, causal: true }), // its images have heads side by side
    attentionCase(5, 64, { kvHeads: 4, causal: true, batch: 2, cache: { length: 300, past: [280, 3] } }),
    aloneCase(64, 0, 17),
    aloneCase(64, 1, 32),
    aloneCase(5, 0, 0),
    aloneCase(160, 0, 30),
    aloneCase(256, 1, 31),
    tokenCase(64, 7, 63),
    tokenCase(128, 6, 200),
    ...timed,
  ],
};
