/**
 * linear for one row, with weights in blocks of columns: y = activate(x·Wᵀ + bias) + residual with x (1, K), W (N, K).
 *
 * Bound by reading W once, in the form that `linear_subgroup` reads it, so that a model keeps one copy. A workgroup computes 32 outputs: eight
 * lanes side by side own four each, eight such groups share K; their partial sums meet in workgroup memory.
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { type Activation, declareActivation } from './activation.ts';
import { type Storage, cached, entry, groupIndex, unroll } from './common.ts';
import { columnWeights, subgroupColumns } from './linear_subgroup.ts';

export interface LinearMatvecColumnsOptions {
  readonly weight: Storage;
  readonly activation: Activation;
}

export const linearMatvecColumnsShader = cached((o: LinearMatvecColumnsOptions): string => {
  return wgsl`
struct Params {
  depth: u32,        // K
  columns: u32,      // N of this weight part
  x_offset: u32,     // elements
  y_offset: u32,     // first column of this part in y
  has_bias: u32,
  has_residual: u32,
}
@group(0) @binding(0) var<storage, read> weight: array<${o.weight === 'f32' ? 'vec4f' : 'vec4u'}>;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> bias: array<vec4f>;       // something else where there is none
@group(0) @binding(3) var<storage, read> residual: array<vec4f>;   // likewise
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(5) var<uniform> params: Params;
var<workgroup> partial: array<vec4f, 64>;
${declareActivation(o.activation)}
${entry(64)} {
  let block = ${groupIndex};
  let own = lane % 8u;
  let blocks = (params.columns + ${subgroupColumns - 1}u) / ${subgroupColumns}u;
  let start = min(block, blocks - 1u) * params.depth * ${o.weight === 'f32' ? 8 : 4}u + own;
  var sum = vec4f();
  for (var k = lane / 8u; k < params.depth / 4u; k += 8u) {
    var at = start + k * ${o.weight === 'f32' ? 32 : 16}u;
    ${columnWeights(o.weight)}
    let v = x[params.x_offset / 4u + k];
    ${unroll(4, (i) => `sum = fma(vec4f(v[${i}]), w${i}, sum);`)}
  }
  partial[lane] = sum;
  workgroupBarrier();
  let column = block * ${subgroupColumns}u + own * 4u;
  if (lane >= 8u || column >= params.columns) { return; }
  var value = ${unroll(8, (i) => `partial[lane + ${8 * i}u]`, ' + ')};
  let to = (params.y_offset + column) / 4u;
  if (params.has_bias == 1u) { value += bias[to]; }
  #if ${o.activation !== 'none'}
  value = activate(value);
  #endif
  if (params.has_residual == 1u) { value += residual[to]; }
  y[to] = value;
}
`;
});
