/**
 * attention_split: one token's attention over a long cache, its keys in chunks of 64.   q (B, 1, heads·D), k, v (B, S, kvHeads·D).
 *
 * A workgroup takes a chunk for the query heads g that share a kv head and leaves what softmax needs of it: a row (b, kv head, chunk, g) of the
 * partial results holds Σ 2^(score − largest)·v, D wide, then the largest score and Σ 2^(score − largest). `attention_combine` adds the chunks up.
 *   scores    a lane has four keys and a quarter of the channels; queries come from workgroup memory, where the quarters meet
 *   weights   lane g finds the largest score of g; each lane then has the weights of its key
 *   values    a lane has a vec4 of channels and every `groups`-th four of keys; the sums of the groups meet in workgroup memory
 * Chunks begin at multiples of 64 keys, so the bits of a row depend on nothing but its own keys.
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { entry, groupIndex, unroll } from './common.ts';

export interface AttentionSplitOptions {
  /** D, a multiple of 4 up to 256. */
  readonly depth: number;
  /** Query heads of a kv head. */
  readonly sharing: number;
}

/** Keys of a chunk. */
export const attentionChunk = 64;

/** Whether the kernel is written for such heads, where a workgroup has `storage` bytes. */
export function attentionSplitFits({ depth, sharing }: AttentionSplitOptions, storage: number): boolean {
  const bytes = sharing * (4 * depth + 20 * attentionChunk + 8);
  return depth % 4 === 0 && depth <= 256 && sharing <= 16 && bytes <= storage;
}

export function attentionSplitShader({ depth, sharing }: AttentionSplitOptions): string {
  const units = depth / 4;
  const groups = Math.floor(attentionChunk / units);
  const heads = (line: (g: number) => string) => unroll(sharing, line);
  return wgsl`
struct Params {
  keys: u32,       // S
  kv_heads: u32,
  chunks: u32,     // of S keys
  past_offset: u32,
  q_offset: u32,   // elements
  q_stride: u32,
  k_offset: u32,
  k_stride: u32,
  v_offset: u32,
  v_stride: u32,
}
@group(0) @binding(0) var<storage, read> q: array<vec4f>;
@group(0) @binding(1) var<storage, read> k: array<vec4f>;
@group(0) @binding(2) var<storage, read> v: array<vec4f>;
@group(0) @binding(3) var<storage, read> past: array<u32>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(5) var<uniform> params: Params;
const scaling = ${Math.LOG2E / Math.sqrt(depth)};        // of scores, for powers of 2
var<workgroup> queries: array<vec4f, ${sharing * units}>;
var<workgroup> weights: array<vec4f, ${sharing * 16}>;   // g · 16 + key / 4: four keys, scores at first
var<workgroup> states: array<vec2f, ${sharing}>;         // largest score and sum of weights
var<workgroup> sums: array<vec4f, ${sharing * attentionChunk}>;    // g · 64 + lane: parts of scores, then of values
${entry(attentionChunk)} {
  let index = ${groupIndex};
  let chunk = index % params.chunks;
  let head = (index / params.chunks) % params.kv_heads;
  let batch = index / (params.chunks * params.kv_heads);
  let start = chunk * ${attentionChunk}u;
  let end = min(params.keys, past[params.past_offset + batch] + 1u);
  if (start >= end) { return; }
  let keys = min(${attentionChunk}u, end - start);
  let query = (params.q_offset + batch * params.q_stride + head * ${sharing * depth}u) / 4u;
  for (var i = lane; i < ${sharing * units}u; i += ${attentionChunk}u) { queries[i] = q[query + i]; }
  workgroupBarrier();
  let four = lane % 16u;   // of keys
  let key = (params.k_offset + batch * params.keys * params.k_stride + head * ${depth}u) / 4u;
  ${unroll(4, (j) => `let k${j} = key + min(start + four * 4u + ${j}u, end - 1u) * (params.k_stride / 4u);`)}
  ${heads((g) => `var score${g} = vec4f();`)}
  for (var d = lane / 16u; d < ${units}u; d += 4u) {
    let x = mat4x4f(k[k0 + d], k[k1 + d], k[k2 + d], k[k3 + d]);
    ${heads((g) => `score${g} += queries[${g * units}u + d] * x;`)}
  }
  ${heads((g) => `sums[${g * attentionChunk}u + lane] = score${g};`)}
  workgroupBarrier();
  for (var i = lane; i < ${sharing * 16}u; i += ${attentionChunk}u) {
    let first = i / 16u * ${attentionChunk}u + i % 16u;
    weights[i] = (sums[first] + sums[first + 16u]) + (sums[first + 32u] + sums[first + 48u]);
  }
  workgroupBarrier();
  if (lane < ${sharing}u) {
    var top = weights[lane * 16u];   // keys behind the end repeat the last one
    for (var i = 1u; i < 16u; i++) { top = max(top, weights[lane * 16u + i]); }
    states[lane].x = max(max(top.x, top.y), max(top.z, top.w));
  }
  workgroupBarrier();
  for (var i = lane; i < ${sharing * 16}u; i += ${attentionChunk}u) {
    let weight = exp2((weights[i] - states[i / 16u].x) * scaling);
    weights[i] = select(vec4f(), weight, i % 16u * 4u + vec4u(0, 1, 2, 3) < vec4u(keys));
  }
  workgroupBarrier();
  if (lane < ${sharing}u) {
    var total = vec4f();
    for (var i = 0u; i < 16u; i++) { total += weights[lane * 16u + i]; }
    states[lane].y = dot(total, vec4f(1.0));
  }
  let unit = lane % ${units}u;
  let value = (params.v_offset + batch * params.keys * params.v_stride + head * ${depth}u) / 4u + unit;
  ${heads((g) => `var sum${g} = vec4f();`)}
  for (var i = lane / ${units}u; i * 4u < keys; i += ${groups}u) {
    let at = start + i * 4u;
    let x = mat4x4f(${unroll(4, (j) => `v[value + min(at + ${j}u, end - 1u) * (params.v_stride / 4u)]`, ', ')});
    ${heads((g) => `sum${g} += x * weights[${g * 16}u + i];`)}
  }
  ${heads((g) => `sums[${g * attentionChunk}u + lane] = sum${g};`)}
  workgroupBarrier();
  let row = index * ${sharing}u;
  for (var i = lane; i < ${sharing * units}u; i += ${attentionChunk}u) {
    let at = i / ${units}u * ${attentionChunk}u + i % ${units}u;
    var sum = sums[at];
    for (var group = 1u; group < ${groups}u; group++) { sum += sums[at + group * ${units}u]; }
    y[row * ${units + 1}u + i + i / ${units}u] = sum;
  }
  if (lane < ${sharing}u) { y[(row + lane) * ${units + 1}u + ${units}u] = vec4f(states[lane], 0.0, 0.0); }
}
`;
}
