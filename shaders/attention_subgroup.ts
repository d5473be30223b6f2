/**
 * attention for subgroups of eight lanes: y = softmax(q·kᵀ/√D)·v, one kv head at a time.   q, k, v as flat images, y (B, T, heads·D).
 *
 * One subgroup, which is the whole workgroup where D is up to 128, takes 16 or 8 rows of one kv head; a row is a pair (t, g) as in `attention`. It walks the keys 32 at a time
 * from 0, up to the last one that any of its rows sees:
 *   scores    a lane has keys l, l + 8, l + 16, l + 24 of the block, the components of a row's vec4f; q lies across the lanes and is handed on by
 *             shuffle, 32 channels at a time, which take turns with one text: after each, the registers of q move up by one
 *   weights   the block's largest score comes by subgroupMax; 2^(score − largest so far) stays in the lane
 *   values    a lane has every eighth vec4 of channels; weights are handed on by shuffle
 * With `sharing` it does the work of `attention_split` instead: the query heads of one token and one chunk of keys, from buffers, partial results.
 * Heads wider than 128 share a workgroup among subgroups, each with 128 channels of q and k, whose scores they add up in workgroup memory, and with
 * the same channels of v.
 * Order of keys and arithmetic of a row do not depend on T, B or its place among the rows.
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { attentionChunk } from './attention_split.ts';
import { flatTexel, groupIndex, unroll } from './common.ts';
import { subgroupLanes } from './linear_subgroup.ts';

/** Rows of a workgroup. Narrow heads belong to small models, where compiling outweighs the rest. */
export function attentionSubgroupTile(depth: number): number {
  return depth <= 32 ? 8 : 16;
}
/** Channels of a subgroup at most: a row's queries and sums lie in registers. */
const CHANNELS = 128;

/** Whether the kernel is written for heads of this width. */
export function attentionSubgroupFits(depth: number): boolean {
  return depth <= CHANNELS ? depth % 4 === 0 : depth % CHANNELS === 0 && depth <= 4 * CHANNELS;
}

const KEYS = 32;
/** Keys whose values are read at once. */
const AT_ONCE = 2;

export interface AttentionSubgroupOptions {
  /** D */
  readonly depth: number;
  /** Query heads of a kv head whose one token is computed chunk by chunk; without, tiles of rows over all keys. */
  readonly sharing?: number;
  /** k and v lie in images of their own, head by head (see `ImageOperand.heads`), not in flat ones. */
  readonly packed?: boolean;
}

export function attentionSubgroupShader({ depth, sharing, packed = false }: AttentionSubgroupOptions): string {
  const split = sharing !== undefined;
  const units = depth / 4;
  const parts = Math.ceil(depth / CHANNELS); // subgroups
  const unitsOfPart = units / parts;
  const own = Math.ceil(unitsOfPart / 8); // vec4s of a row in a lane
  const tile = sharing ?? attentionSubgroupTile(depth);
  const load = (name: string, at: string) => (split ? `${name}[${at}]` : `load(${name}, ${at})`);
  /** Where row `row` of k or v lies: its vec4, or its texel. */
  const place = (first: string, name: string, row: string) =>
    packed ? `${first} + vec2u(0u, ${row})` : `${first} + ${row} * (params.${name}_stride / 4u)`;
  const loadHead = (name: string, at: string, unit: string) =>
    packed ? `textureLoad(${name}, ${at} + vec2u(${unit}, 0u), 0)` : load(name, `${at} + ${unit}`);
  const rows = (line: (r: number) => string) => unroll(tile, line);
  const blocks = (line: (b: number) => string) => unroll(own, line, ' ');
  return wgsl`
enable subgroups;
struct Params {
  rows: u32,       // T
  keys: u32,       // S
  kv_heads: u32,
  sharing: u32,    // query heads of a kv head
  #if ${split}
  chunks: u32,     // of S keys
  #endif
  past_offset: u32,
  has_past: u32,   // 1: rows start at past[past_offset + b], 0: at 0, and something else is bound
  causal: u32,     // 1: row t sees keys up to its own, 0: all rows see the same keys
  q_offset: u32,   // elements
  q_stride: u32,
  k_offset: u32,
  k_stride: u32,
  v_offset: u32,
  v_stride: u32,
  #if ${packed}
  across: u32,     // heads side by side in the images of k and v
  lines: u32,      // of a head there, B·S
  #endif
}
#if ${split}
@group(0) @binding(0) var<storage, read> q: array<vec4f>;
@group(0) @binding(1) var<storage, read> k: array<vec4f>;
@group(0) @binding(2) var<storage, read> v: array<vec4f>;
#else
@group(0) @binding(0) var q: texture_2d<f32>;
@group(0) @binding(1) var k: texture_2d<f32>;
@group(0) @binding(2) var v: texture_2d<f32>;
#endif
@group(0) @binding(3) var<storage, read> past: array<u32>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(5) var<uniform> params: Params;
const scaling = ${Math.LOG2E / Math.sqrt(depth)};   // of scores, for powers of 2
const unseen = vec4f(-1e38);

#if ${!split}
fn load(image: texture_2d<f32>, at: u32) -> vec4f {
  return textureLoad(image, ${flatTexel('at')}, 0);
}
#endif

#if ${parts > 1}
var<workgroup> taken: atomic<u32>;                                       // parts that have a subgroup
var<workgroup> partial: array<vec4f, ${parts * tile * subgroupLanes}>;   // (parts, rows, lanes)
#endif

@compute @workgroup_size(${parts * subgroupLanes})
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) count: vec3u,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  #if ${parts > 1}
  var part = 0u;
  if (lane == 0u) { part = atomicAdd(&taken, 1u); }
  let start = subgroupBroadcastFirst(part) * ${unitsOfPart}u;
  #else
  let start = 0u;
  #endif
  let index = ${groupIndex};
  let pairs = params.rows * params.sharing;
  #if ${split}
  let tiles = params.chunks;
  let first = 0u;
  let begin = index % tiles * ${attentionChunk}u;
  #else
  let tiles = (pairs + ${tile - 1}u) / ${tile}u;
  let first = (index % tiles) * ${tile}u;
  let begin = 0u;
  #endif
  let head = (index / tiles) % params.kv_heads;
  let batch = index / (tiles * params.kv_heads);
  let before = select(0u, past[params.past_offset + batch], params.has_past == 1u);
  #if ${packed}
  let line = head / params.across * params.lines + batch * params.keys;
  let key = vec2u(head % params.across * ${units}u + start, line);
  let value = vec2u(key.x + lane, line);
  #else
  let key = (params.k_offset + batch * params.keys * params.k_stride + head * ${depth}u) / 4u + start;
  let value = (params.v_offset + batch * params.keys * params.v_stride + head * ${depth}u) / 4u + start + lane;
  #endif
  ${rows(
    (r) => `
  let pair${r} = min(first + ${r}u, pairs - 1u);
  let t${r} = pair${r} / params.sharing;
  let seen${r} = min(params.keys, before + select(params.rows, t${r} + 1u, params.causal == 1u));
  let query${r} = (params.q_offset + (batch * params.rows + t${r}) * params.q_stride + (head * params.sharing + pair${r} % params.sharing) * ${depth}u) / 4u + start + lane;
  ${blocks((b) => `var q${r}_${b} = ${load('q', `query${r} + ${8 * b}u`)}; var sum${r}_${b} = vec4f();`)}
  var total${r} = 0.0;          // of this lane's weights
  var top${r} = unseen.x;       // largest score so far`,
  )}
  #if ${split}
  let end = min(seen${tile - 1}, begin + ${attentionChunk}u);
  if (begin >= end) { return; }
  #else
  let end = seen${tile - 1};
  #endif
  for (var block = begin; block < end; block += ${KEYS}u) {
    ${unroll(4, (j) => `var key${j} = ${place('key', 'k', `min(block + lane + ${8 * j}u, params.keys - 1u)`)};`)}
    ${rows((r) => `var score${r} = vec4f();`)}
    for (var unit = 0u; unit < ${unitsOfPart}u; unit += 8u) {
      for (var j = 0u; j < min(8u, ${unitsOfPart}u - unit); j++) {
        ${unroll(4, (j) => `let k${j} = ${loadHead('k', `key${j}`, 'j')};`)}
        ${unroll(4, (i) => `let c${i} = vec4f(k0[${i}], k1[${i}], k2[${i}], k3[${i}]);`)}
        ${rows((r) => unroll(4, (i) => `score${r} = fma(vec4f(subgroupShuffle(q${r}_0[${i}], j)), c${i}, score${r});`))}
      }
      ${unroll(4, (j) => `key${j}${packed ? '.x' : ''} += 8u;`)}
      #if ${own > 1}
      ${rows((r) => `{ let turned = q${r}_0; ${unroll(own - 1, (b) => `q${r}_${b} = q${r}_${b + 1};`, ' ')} q${r}_${own - 1} = turned; }`)}
      #endif
    }
    #if ${parts > 1}
    workgroupBarrier();   // all have read the block before
    ${rows((r) => `partial[(start / ${unitsOfPart}u * ${tile}u + ${r}u) * 8u + lane] = score${r}; score${r} = vec4f();`)}
    workgroupBarrier();
    for (var other = lane; other < ${parts * tile * 8}u; other += ${tile * 8}u) {
      ${rows((r) => `score${r} += partial[other + ${8 * r}u];`)}
    }
    #endif
    let number = block + lane + vec4u(0, 8, 16, 24);
    ${rows(
      (r) => `{
      let visible = number < vec4u(seen${r});
      let score = select(unseen, score${r}, visible);
      let largest = max(top${r}, subgroupMax(max(max(score.x, score.y), max(score.z, score.w))));
      let fading = select(exp2((top${r} - largest) * scaling), 1.0, top${r} == largest);
      top${r} = largest;
      score${r} = select(vec4f(), exp2((score - largest) * scaling), visible);
      total${r} = fma(total${r}, fading, dot(score${r}, vec4f(1.0)));
      ${blocks((b) => `sum${r}_${b} *= fading;`)}
    }`,
    )}
    // each turn takes the weights of eight keys from the first component
    for (var turn = block; turn < min(block + ${KEYS}u, end); turn += 8u) {
      for (var j = 0u; j < 8u; j += ${AT_ONCE}u) {
        ${unroll(
          AT_ONCE,
          (i) => `
        let at${i} = ${place('value', 'v', `min(turn + j + ${i}u, end - 1u)`)};
        ${blocks((b) => `let v${i}_${b} = ${loadHead('v', `at${i}`, `${8 * b}u`)};`)}`,
        )}
        ${rows((r) =>
          unroll(
            AT_ONCE,
            (i) =>
              `{ let weight = vec4f(subgroupShuffle(score${r}.x, j + ${i}u)); ${blocks((b) => `sum${r}_${b} = fma(weight, v${i}_${b}, sum${r}_${b});`)} }`,
          ),
        )}
      }
      ${rows((r) => `score${r} = score${r}.yzwx;`)}
    }
  }
  for (var pair = first; pair < min(first + ${tile}u, pairs); pair++) {
    var total = total0;
    var top = top0;
    ${blocks((b) => `var part${b} = sum0_${b};`)}
    switch pair - first {
      ${unroll(tile - 1, (r) => `case ${r + 1}u: { total = total${r + 1}; top = top${r + 1}; ${blocks((b) => `part${b} = sum${r + 1}_${b};`)} }`)}
      default: {}
    }
    let all = subgroupAdd(total);
    #if ${split}
    let to = (index * ${tile}u + pair) * ${units + 1}u;
    let divisor = 1.0;
    #else
    let row = (batch * params.rows + pair / params.sharing) * params.kv_heads + head;
    let to = (row * params.sharing + pair % params.sharing) * ${units}u + start;
    let divisor = all;
    #endif
    for (var unit = lane; unit < ${unitsOfPart}u; unit += 8u) {
      y[to + unit] = part0 / divisor;
      ${unroll(own - 1, (b) => `part${b} = part${b + 1};`, ' ')}
    }
    #if ${split}
    if (lane == 0u) { y[to + ${units}u] = vec4f(top, all, 0.0, 0.0); }
    #endif
  }
}
`;
}
