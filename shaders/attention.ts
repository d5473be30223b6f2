/**
 * attention: y = softmax(q·kᵀ/√D)·v, one kv head at a time, nothing of size T×T in memory.   q, y (B, T, heads·D), k, v (B, S, kvHeads·D).
 *
 * A workgroup takes 32 rows of one kv head; a row is a pair (t, g) of a token and one of the query heads that share the kv head. Its 64 lanes
 * are 8 row lanes × 8 column lanes and walk the keys 32 at a time from 0, up to the last one that any of the rows sees:
 *   scores    a lane has 4 rows and keys c, c + 8, c + 16, c + 24 of the block, read straight from storage
 *   weights   the block's largest score of a row is found through workgroup memory, then 2^(score − largest so far) is left there
 *   values    a lane has 4 rows and every eighth column (or vec4 of columns); a workgroup has 128 columns, wider heads take several
 * A lane's 4 rows are the components of a vec4f. Order of keys and arithmetic of a row do not depend on T, B or its place among the rows.
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { entry, groupIndex, unroll } from './common.ts';

export interface AttentionOptions {
  /** D */
  readonly depth: number;
  /** D and the placements of q, k, v allow reading in vec4s. */
  readonly vector: boolean;
}

/** Rows of a workgroup. */
export const attentionTile = 32;
const KEYS = 32;
const COLUMNS = 128;

/** Workgroups that share a tile of rows, each with its own columns of the output. */
export function attentionSplits(depth: number): number {
  return Math.ceil(depth / COLUMNS);
}

export function attentionShader({ depth, vector }: AttentionOptions): string {
  const type = vector ? 'vec4f' : 'f32';
  const parts = vector ? ['x', 'y', 'z', 'w'] : [''];
  const per = parts.length;
  const units = depth / per; // a head's vec4s, or scalars
  const columns = Math.min(units, COLUMNS / per); // of a workgroup, in units
  const own = Math.ceil(columns / 8); // of a lane
  const splits = attentionSplits(depth);
  const part = (name: string, p: string) => (p ? `${name}.${p}` : name);
  /** Text for each sum of a lane: `sum<j><p>` has part p of its column j, 4 rows. */
  const sums = (line: (name: string, j: number, p: string) => string) =>
    unroll(own, (j) => parts.map((p) => line(`sum${j}${p}`, j, p)).join(' '));
  return wgsl`
struct Params {
  rows: u32,       // T
  keys: u32,       // S
  kv_heads: u32,
  sharing: u32,    // query heads of a kv head
  units: u32,      // D/4, or D: a loop that compilers cannot count is not unrolled, which keeps compiling short
  past_offset: u32,
  has_past: u32,   // 1: rows start at past[past_offset + b], 0: at 0, and something else is bound
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
@group(0) @binding(3) var<storage, read> past: array<u32>;
@group(0) @binding(4) var<storage, read_write> y: array<${type}>;
@group(0) @binding(5) var<uniform> params: Params;
const scaling = ${Math.LOG2E / Math.sqrt(depth)};   // of scores, for powers of 2
const unseen = vec4f(-1e38);
var<workgroup> gathered: array<vec4f, 64>;          // one value a lane, on its way to the others of its rows
var<workgroup> weights: array<vec4f, ${KEYS * 8}>;  // key · 8 + row lane
${entry(64)} {
  let index = ${groupIndex};
  let pairs = params.rows * params.sharing;
  let tiles = (pairs + ${attentionTile - 1}u) / ${attentionTile}u;
  let tile = (index % tiles) * ${attentionTile}u;
  #if ${splits > 1}
  let start = (index / tiles) % ${splits}u * ${columns}u;
  let head = (index / (tiles * ${splits}u)) % params.kv_heads;
  let batch = index / (tiles * ${splits}u * params.kv_heads);
  #else
  let start = 0u;
  let head = (index / tiles) % params.kv_heads;
  let batch = index / (tiles * params.kv_heads);
  #endif
  let before = select(0u, past[params.past_offset + batch], params.has_past == 1u);
  let column = lane % 8u;
  let row_lane = lane / 8u;
  let first = row_lane * 8u;
  let pair = tile + row_lane * 4u;
  let own = min(pair + vec4u(0, 1, 2, 3), vec4u(pairs - 1u));
  let t = own / params.sharing;
  let query = (params.q_offset + (batch * params.rows + t) * params.q_stride + (head * params.sharing + own % params.sharing) * ${depth}u) / ${per}u;
  let key = params.k_offset + batch * params.keys * params.k_stride + head * ${depth}u;
  let value = params.v_offset + batch * params.keys * params.v_stride + head * ${depth}u;

  // how many keys each row sees, any row of this lane, any row of the workgroup
  let seen = min(vec4u(params.keys), before + select(vec4u(params.rows), t + 1u, params.causal == 1u));
  let lane_end = select(0u, seen.w, pair < pairs);
  let last = (min(tile + ${attentionTile}u, pairs) - 1u) / params.sharing;
  let end = min(params.keys, before + select(params.rows, last + 1u, params.causal == 1u));

  ${unroll(own, (j) => `let column${j} = min(start + column + ${8 * j}u, ${units - 1}u);`)}
  ${sums((sum) => `var ${sum} = vec4f();`)}
  var total = vec4f();     // of this lane's weights
  var top = unseen;        // largest score so far
  for (var block = 0u; block < end; block += ${KEYS}u) {
    ${unroll(4, (j) => `let k${j} = (key + min(block + column + ${8 * j}u, params.keys - 1u) * params.k_stride) / ${per}u;`)}
    ${unroll(4, (j) => `var score${j} = vec4f();`)}
    let units = select(0u, params.units, block < lane_end);
    for (var d = 0u; d < units; d++) {
      ${unroll(4, (j) => `let b${j} = k[k${j} + d];`)}
      ${unroll(4, (i) => `let a${i} = q[query[${i}] + d];`)}
      ${parts
        .map(
          (p) => `{
        let a = vec4f(${unroll(4, (i) => part(`a${i}`, p), ', ')});
        ${unroll(4, (j) => `score${j} = fma(a, vec4f(${part(`b${j}`, p)}), score${j});`)}
      }`,
        )
        .join('\n')}
    }
    ${unroll(4, (j) => `score${j} = select(unseen, score${j}, vec4u(block + column + ${8 * j}u) < seen);`)}
    gathered[lane] = max(max(score0, score1), max(score2, score3));
    workgroupBarrier();
    var largest = top;
    for (var i = first; i < first + 8u; i++) { largest = max(largest, gathered[i]); }
    let fading = select(exp2((top - largest) * scaling), vec4f(1.0), top == largest);
    top = largest;
    total *= fading;
    ${sums((sum) => `${sum} *= fading;`)}
    for (var i = column; i < ${KEYS}u; i += 8u) {
      let score = select(select(score2, score3, i >= 24u), select(score0, score1, i >= 8u), i < 16u);
      let weight = select(vec4f(), exp2((score - top) * scaling), vec4u(block + i) < seen);
      weights[i * 8u + row_lane] = weight;
      total += weight;
    }
    workgroupBarrier();
    let block_end = min(block + ${KEYS}u, lane_end);
    for (var i = block; i < block_end; i++) {
      let weight = weights[(i - block) * 8u + row_lane];
      let at = (value + i * params.v_stride) / ${per}u;
      ${unroll(own, (j) => `let v${j} = v[at + column${j}];`)}
      ${sums((sum, j, p) => `${sum} = fma(weight, vec4f(${part(`v${j}`, p)}), ${sum});`)}
    }
  }
  gathered[lane] = total;
  workgroupBarrier();
  if (pair >= pairs) { return; }
  total = vec4f();
  for (var i = first; i < first + 8u; i++) { total += gathered[i]; }
  for (var p = pair; p < min(pair + 4u, pairs); p++) {
    let i = p - pair;
    let row = (batch * params.rows + p / params.sharing) * params.kv_heads + head;
    let at = (row * params.sharing + p % params.sharing) * ${units}u;
    for (var c = start + column; c < min(start + ${columns}u, ${units}u); c += 8u) {
      ${parts.map((p) => `var part${p} = sum0${p}[i];`).join(' ')}
      ${sums((sum, j, p) => (j ? `part${p} = select(part${p}, ${sum}[i], c - start >= ${8 * j}u);` : ''))}
      y[at + c] = ${type}(${parts.map((p) => `part${p}`).join(', ')}) / total[i];
    }
  }
}
`;
}
