/**
 * attention: y = softmax(q·kᵀ/√D)·v, one kv head at a time, nothing of size T×T in memory.   q, y (B, T, heads·D), k, v (B, S, kvHeads·D).
 *
 * A workgroup takes 8·R rows of one kv head; a row is a pair (t, g) of a token and one of the query heads that share the kv head. Its 64 lanes
 * are 8 row lanes × 8 column lanes and walk the keys 32 at a time from 0, up to the last one that any of the rows sees:
 *   scores    a lane has R rows and keys c, c + 8, c + 16, c + 24 of the block, read straight from storage
 *   weights   the block's largest score a row meets in workgroup memory, so do the weights 2^(score − largest so far)
 *   values    a lane has R rows and every eighth column (or vec4 of columns); 128 columns a workgroup, more heads wide are split
 * Rows of a lane are the components of a vector (`Rows`). Key order and arithmetic of a row do not depend on R, T, B or on its place in a tile.
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { entry, groupIndex, unroll } from './common.ts';

export interface AttentionOptions {
  /** D */
  readonly depth: number;
  /** R: rows a lane. */
  readonly rows: 1 | 4;
  /** Rows start at past[b]; otherwise at 0. */
  readonly past: boolean;
  /** D and the placements of q, k, v allow reading in vec4s. */
  readonly vector: boolean;
}

const KEYS = 32;
const SPLIT = 128;

/** Rows of a workgroup. */
export function attentionTile(o: Pick<AttentionOptions, 'rows'>): number {
  return 8 * o.rows;
}

/** Workgroups that share a tile of rows, each with its own columns of the output. */
export function attentionSplits(depth: number): number {
  return Math.ceil(depth / SPLIT);
}

export function attentionShader(o: AttentionOptions): string {
  const R = o.rows;
  const per = o.vector ? 4 : 1;
  const units = o.depth / per; // vec4s or scalars of a head
  const columns = Math.min(units, SPLIT / per);
  const own = Math.ceil(columns / 8); // of a lane
  const splits = attentionSplits(o.depth);
  const tile = attentionTile(o);
  const type = o.vector ? 'vec4f' : 'f32';
  const parts = o.vector ? ['.x', '.y', '.z', '.w'] : [''];
  const Rows = R === 1 ? 'f32' : `vec${R}f`;
  const Whole = R === 1 ? 'u32' : `vec${R}u`;
  const row = (name: string, i: number | string) => (R === 1 ? name : `${name}[${i}]`);
  const each = (name: (i: number) => string) => `${Rows}(${unroll(R, name, ', ')})`;
  const sums = (line: (j: number, part: string, name: string) => string) =>
    unroll(own, (j) => parts.map((p) => line(j, p, `sum${j}${p.slice(1)}`)).join(' '));
  return wgsl`
struct Params {
  rows: u32,       // T
  keys: u32,       // S
  kv_heads: u32,
  sharing: u32,    // query heads of a kv head
  units: u32,      // reads of a head, D/4 or D: a loop that compilers cannot count is not unrolled, which keeps compiling short
  causal: u32,     // 1: row t sees keys up to its own, 0: all rows see the same keys
  q_offset: u32,   // elements
  q_stride: u32,
  k_offset: u32,
  k_stride: u32,
  v_offset: u32,
  v_stride: u32,
}
@group(0) @binding(0) var<storage, read> q: array<${type}>;
@group(0) @binding(1) var<storage, read> k: array<${type}>;
@group(0) @binding(2) var<storage, read> v: array<${type}>;
#if ${o.past}
@group(0) @binding(3) var<storage, read> past: array<u32>;
#endif
@group(0) @binding(${o.past ? 4 : 3}) var<storage, read_write> y: array<${type}>;
@group(0) @binding(${o.past ? 5 : 4}) var<uniform> params: Params;
alias Rows = ${Rows};
alias Whole = ${Whole};
const scaling = ${Math.LOG2E / Math.sqrt(o.depth)};   // of scores, for powers of 2
const nothing = Rows(-1e38);
var<workgroup> shared_rows: array<Rows, 64>;
var<workgroup> weights: array<Rows, ${KEYS * 8}>;
${entry(64)} {
  let index = ${groupIndex};
  let pairs = params.rows * params.sharing;
  let tiles = (pairs + ${tile - 1}u) / ${tile}u;
  let tile = (index % tiles) * ${tile}u;
  #if ${splits > 1}
  let start = (index / tiles) % ${splits}u * ${columns}u;
  let head = (index / (tiles * ${splits}u)) % params.kv_heads;
  let batch = index / (tiles * ${splits}u * params.kv_heads);
  #else
  let start = 0u;
  let head = (index / tiles) % params.kv_heads;
  let batch = index / (tiles * params.kv_heads);
  #endif
  #if ${o.past}
  let before = past[batch];
  #else
  let before = 0u;
  #endif
  let column = lane % 8u;
  let first = lane & 56u;
  let pair = tile + lane / 8u * ${R}u;
  let clamped = min(Whole(pair) + ${R === 1 ? '0u' : 'vec4u(0, 1, 2, 3)'}, Whole(pairs - 1u));
  let t = clamped / params.sharing;
  let query = (params.q_offset + (batch * params.rows + t) * params.q_stride + (head * params.sharing + clamped % params.sharing) * ${o.depth}u) / ${per}u;
  let sees = min(Whole(params.keys), before + select(Whole(params.rows), t + 1u, params.causal == 1u));
  let lane_end = select(0u, ${row('sees', R - 1)}, pair < pairs);   // keys that rows of this lane see
  let last = (min(tile + ${tile}u, pairs) - 1u) / params.sharing;
  let end = min(params.keys, before + select(params.rows, last + 1u, params.causal == 1u));
  let value = (params.v_offset + batch * params.keys * params.v_stride + head * ${o.depth}u) / ${per}u;

  ${unroll(own, (j) => `let column${j} = start + column + ${8 * j}u;`)}
  ${sums((_, __, name) => `var ${name} = Rows();`)}
  var total = Rows();     // of this lane's weights
  var top = nothing;
  for (var block = 0u; block < end; block += ${KEYS}u) {
    ${unroll(4, (j) => `let key${j} = block + column + ${8 * j}u;`)}
    ${unroll(4, (j) => `let k${j} = (params.k_offset + (batch * params.keys + min(key${j}, params.keys - 1u)) * params.k_stride + head * ${o.depth}u) / ${per}u;`)}
    ${unroll(4, (j) => `var score${j} = Rows();`)}
    let units = select(0u, params.units, block < lane_end);
    for (var d = 0u; d < units; d++) {
      ${unroll(4, (j) => `let b${j} = k[k${j} + d];`)}
      ${unroll(R, (i) => `let a${i} = q[${row('query', i)} + d];`)}
      ${parts.map((p) => `{ let a = ${each((i) => `a${i}${p}`)}; ${unroll(4, (j) => `score${j} = fma(a, Rows(b${j}${p}), score${j});`, ' ')} }`).join('\n')}
    }
    ${unroll(4, (j) => `score${j} = select(nothing, score${j}, Whole(key${j}) < sees);`)}
    shared_rows[lane] = max(max(score0, score1), max(score2, score3));
    workgroupBarrier();
    var largest = top;
    for (var i = first; i < first + 8u; i++) { largest = max(largest, shared_rows[i]); }
    let fading = select(exp2((top - largest) * scaling), Rows(1.0), top == largest);
    top = largest;
    total *= fading;
    for (var i = column; i < ${KEYS}u; i += 8u) {
      let score = select(select(score2, score3, i >= 24u), select(score0, score1, i >= 8u), i < 16u);
      let weight = select(Rows(), exp2((score - top) * scaling), Whole(block + i) < sees);
      weights[i * 8u + lane / 8u] = weight;
      total += weight;
    }
    ${sums((_, __, name) => `${name} *= fading;`)}
    workgroupBarrier();
    let block_end = min(block + ${KEYS}u, lane_end);
    for (var i = block; i < block_end; i++) {
      let w = weights[(i - block) * 8u + lane / 8u];
      let at = value + i * params.v_stride / ${per}u;
      ${unroll(own, (j) => `let v${j} = v[at + min(column${j}, ${units - 1}u)];`)}
      ${sums((j, p, name) => `${name} = fma(w, Rows(v${j}${p}), ${name});`)}
    }
  }
  shared_rows[lane] = total;
  workgroupBarrier();
  if (pair >= pairs) { return; }
  total = Rows();
  for (var i = first; i < first + 8u; i++) { total += shared_rows[i]; }
  for (var i = 0u; i < min(${R}u, pairs - pair); i++) {
    let row_t = (pair + i) / params.sharing;
    let at = (((batch * params.rows + row_t) * params.kv_heads + head) * params.sharing + (pair + i) % params.sharing) * ${units}u;
    ${unroll(own, (j) => `if (column${j} < min(${units}u, start + ${columns}u)) { y[at + column${j}] = ${type}(${parts.map((p) => row(`sum${j}${p.slice(1)}`, 'i')).join(', ')}) / ${row('total', 'i')}; }`)}
  }
}
`;
}
