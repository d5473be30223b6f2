/**
 * linear for subgroups of eight or four lanes: y = activate(x·Wᵀ + bias) + residual.   x (M, K), W (N, K) in blocks of columns, y (M, N).
 *
 * One subgroup, which is the whole workgroup, computes R rows × 32 or 16 columns, or two blocks of 32 after each other from the same x; each lane owns
 * four neighbouring columns of a block. Of eight lanes, each takes four values of a row from an image in one textureLoad, so 32 lie across them, and a shuffle hands each to all. Of four lanes (SwiftShader,
 * where a texel costs more than it holds), each takes one value from a buffer, and a broadcast from a lane known when compiling hands it on.
 * Sums run over K in order, as in `linear`, so all give the same bits. The epilogue is a loop with one store in the text. The ends of inner
 * loops depend on where they start, so that no compiler can count and unroll them: every static access costs compile time.
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { type Activation, declareActivation } from './activation.ts';
import { type MatrixStorage, type Storage, cached, groupIndex, groupWords, unroll } from './common.ts';

export interface LinearSubgroupOptions {
  readonly weight: MatrixStorage;
  readonly activation: Activation;
  /** Rows of a workgroup. */
  readonly rows: number;
  /** Lanes of a subgroup. */
  readonly lanes: SubgroupLanes;
  /** Blocks of 32 columns that share what eight lanes load of x; four lanes take half of one. */
  readonly blocks: 1 | 2;
}

export type SubgroupLanes = 8 | 4;
export const subgroupLanes = 8;
/** Columns of a block of weights, and of a workgroup of eight lanes. */
export const subgroupColumns = 32;
/** K must be a multiple: steps of K are 32, and rows of an image, which eight lanes read, are copied from buffers in steps of 256 bytes. */
export const subgroupDepth: Record<SubgroupLanes, number> = { 8: 64, 4: 32 };

/** 16-byte pieces that 32 steps of K take in a block of columns. */
export const columnPieces: Record<MatrixStorage, number> = {
  f32: 256,
  f16: 128,
  bf16: 128,
  q8: 8 * groupWords.q8,
  q4: 8 * groupWords.q4,
};

/** What comes before 32 steps of K: the scales of this lane's four columns, where weights are quantised. Moves `at` behind them. */
export function columnScales(dtype: MatrixStorage): string {
  if (dtype !== 'q8' && dtype !== 'q4') return '';
  const each = (part: 'x' | 'y') =>
    `vec4f(${['x', 'y', 'z', 'w'].map((c) => `unpack2x16float(s.${c}).${part}`).join(', ')})`;
  return `let s = weight[at]; let scale = ${each('x')};${dtype === 'q4' ? ` let least = ${each('y')};` : ''}
    at += 8u;`;
}

/**
 * Reads the weights of four steps of K from `at` on for this lane's four columns into w0 … w3, and moves `at` behind them. `load` is the text that
 * reads 16 bytes: vec4f of f32 weights, vec4u of others. Quantised ones need `columnScales` before, and `j`, the number of the step among eight.
 */
export function columnWeights(dtype: MatrixStorage, load = (at: string) => `weight[${at}]`): string {
  if (dtype === 'q8')
    return `let q = bitcast<vec4i>(${load('at')});
      at += 8u;
      let w0 = vec4f((q << vec4u(24u)) >> vec4u(24u)) * scale; let w1 = vec4f((q << vec4u(16u)) >> vec4u(24u)) * scale;
      let w2 = vec4f((q << vec4u(8u)) >> vec4u(24u)) * scale; let w3 = vec4f(q >> vec4u(24u)) * scale;`;
  if (dtype === 'q4')
    return `let q = ${load('at')} >> vec4u(j % 2u * 16u);
      at += j % 2u * 8u;
      ${unroll(4, (i) => `let w${i} = fma(vec4f((q >> vec4u(${4 * i}u)) & vec4u(15u)), scale, least);`, ' ')}`;
  if (dtype === 'f32')
    return `let w0 = ${load('at')}; let w1 = ${load('at + 8u')}; let w2 = ${load('at + 16u')}; let w3 = ${load('at + 24u')};
      at += 32u;`;
  return `let a = ${load('at')}; let b = ${load('at + 8u')};
      at += 16u;
      ${widen[dtype]}`;
}

const widen: Record<Exclude<Storage, 'f32'>, string> = {
  bf16: `let w0 = bitcast<vec4f>(a << vec4u(16u)); let w1 = bitcast<vec4f>(a & vec4u(0xffff0000u));
      let w2 = bitcast<vec4f>(b << vec4u(16u)); let w3 = bitcast<vec4f>(b & vec4u(0xffff0000u));`,
  f16: `let a0 = unpack2x16float(a.x); let a1 = unpack2x16float(a.y); let a2 = unpack2x16float(a.z); let a3 = unpack2x16float(a.w);
      let b0 = unpack2x16float(b.x); let b1 = unpack2x16float(b.y); let b2 = unpack2x16float(b.z); let b3 = unpack2x16float(b.w);
      let w0 = vec4f(a0.x, a1.x, a2.x, a3.x); let w1 = vec4f(a0.y, a1.y, a2.y, a3.y);
      let w2 = vec4f(b0.x, b1.x, b2.x, b3.x); let w3 = vec4f(b0.y, b1.y, b2.y, b3.y);`,
};

export const linearSubgroupShader = cached((o: LinearSubgroupOptions): string => {
  const columns = 4 * o.lanes; // of a block
  const image = o.lanes === 8;
  const quantised = o.weight === 'q8' || o.weight === 'q4';
  const nested = image || quantised; // a loop costs a pass over all sums where they outnumber the registers
  // unrolled, a tile of one row reads quantised weights 1.4 times as fast, and others no faster
  const units = quantised
    ? 'for (var j = 0u; j < 8u; j++) {'
    : 'for (var unit = k / 4u; unit < min(k / 4u + 8u, params.depth / 4u); unit++) { let j = unit % 8u;';
  const load = (r: number) =>
    image
      ? `textureLoad(x, vec2u(k / 4u + lane, row + ${r}u), 0)`
      : `x[start + ${r}u * params.x_stride + k${nested ? ' + 4u * j' : ''}]`;
  const loads = unroll(o.rows, (r) => `let x${r} = ${load(r)};`);
  const value = (r: number, i: number) =>
    image ? `subgroupShuffle(x${r}[${i}], j)` : `subgroupBroadcast(x${r}, ${i}u)`;
  const steps = (sum: (r: number) => string) => `${image ? '' : loads}
      ${columnWeights(o.weight)}
      ${unroll(o.rows, (r) => unroll(4, (i) => `${sum(r)} = fma(vec4f(${value(r, i)}), w${i}, ${sum(r)});`))}`;
  const sums = o.rows * o.blocks;
  return wgsl`
enable subgroups;
struct Params {
  rows: u32,
  depth: u32,        // K
  columns: u32,      // N of this weight part
#if ${!image}
  x_offset: u32,     // elements
  x_stride: u32,
#endif
  y_offset: u32,     // first column of this part in y
  y_stride: u32,     // N of the whole
  has_bias: u32,
  has_residual: u32,
}
@group(0) @binding(0) var<storage, read> weight: array<${o.weight === 'f32' ? 'vec4f' : 'vec4u'}>;
#if ${image}
@group(0) @binding(1) var x: texture_2d<f32>;
#else
@group(0) @binding(1) var<storage, read> x: array<f32>;
#endif
@group(0) @binding(2) var<storage, read> bias: array<vec4f>;       // something else where there is none
@group(0) @binding(3) var<storage, read> residual: array<vec4f>;   // likewise
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(5) var<uniform> params: Params;
${declareActivation(o.activation)}
@compute @workgroup_size(${o.lanes})
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) count: vec3u,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let tiles = (params.rows + ${o.rows - 1}u) / ${o.rows}u;
  let index = ${groupIndex};
  let row = (index % tiles) * ${o.rows}u;
  let first = index / tiles * ${columns * o.blocks}u;
  if (first >= params.columns) { return; }
  let block = params.depth / 32u * ${columnPieces[o.weight]}u;
  let place = first / ${subgroupColumns}u * block + first % ${subgroupColumns}u / 4u + lane;
  #if ${!image}
  let start = params.x_offset + row * params.x_stride + lane;   // rows beyond the last are read as whatever lies there, and left
  #endif
  ${unroll(sums, (r) => `var sum${r} = vec4f();`)}
  #if ${nested}
  for (var k = 0u; k < params.depth; k += 32u) {
    ${image ? loads : ''}
    ${unroll(
      o.blocks,
      (b) => `{
      var at = place + ${b}u * block + k / 32u * ${columnPieces[o.weight]}u;
      ${columnScales(o.weight)}
      ${units}
        ${steps((r) => `sum${b * o.rows + r}`)}
      }
    }`,
    )}
  }
  #else
  var at = place;
  for (var k = 0u; k < params.depth; k += 4u) {
    ${steps((r) => `sum${r}`)}
  }
  #endif
  for (var column = first + lane * 4u; column < min(first + ${columns * o.blocks}u, params.columns); column += ${columns}u) {
    for (var r = row; r < min(row + ${o.rows}u, params.rows); r++) {
      var value = sum0;
      switch r - row + (column - first) / ${columns}u * ${o.rows}u {
        ${unroll(sums - 1, (i) => `case ${i + 1}u: { value = sum${i + 1}; }`)}
        default: {}
      }
      let to = (r * params.y_stride + params.y_offset + column) / 4u;
      if (params.has_bias == 1u) { value += bias[(params.y_offset + column) / 4u]; }
      #if ${o.activation !== 'none'}
      value = activate(value);
      #endif
      if (params.has_residual == 1u) { value += residual[to]; }
      y[to] = value;
    }
  }
}
`;
});
