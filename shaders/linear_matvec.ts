/**
 * linear for one row: y = activate(x·Wᵀ + bias) + residual with x (1, K), W (N, K).
 *
 * Bound by reading W once. Eight lanes share an output and stride through K in vec4s, so a workgroup of 64 reads eight rows of W side by side;
 * their eight partial sums meet in workgroup memory.
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { declareActivation } from './activation.ts';
import { cached, declareTensor, entry, groupIndex, unroll } from './common.ts';
import type { LinearOptions } from './linear.ts';

export const matvecOutputs = 8;

export const linearMatvecShader = cached((o: LinearOptions): string => {
  const binding = { bias: 2, residual: o.bias ? 3 : 2, y: 2 + Number(o.bias) + Number(o.residual) };
  return wgsl`
struct Params {
  rows: u32,       // always 1
  depth: u32,      // K
  columns: u32,    // N of this weight part
  x_offset: u32,   // elements
  x_stride: u32,
  y_offset: u32,   // first column of this part in y
  y_stride: u32,
}
${declareTensor(0, 'weight', o.weight, !o.vectorK)}
@group(0) @binding(1) var<storage, read> x: array<${o.vectorK ? 'vec4f' : 'f32'}>;
#if ${o.bias}
@group(0) @binding(${binding.bias}) var<storage, read> bias: array<f32>;
#endif
#if ${o.residual}
@group(0) @binding(${binding.residual}) var<storage, read> residual: array<f32>;
#endif
@group(0) @binding(${binding.y}) var<storage, read_write> y: array<f32>;
@group(0) @binding(${binding.y + 1}) var<uniform> params: Params;
var<workgroup> partial: array<f32, 64>;
${declareActivation(o.activation, 'f32')}
${entry(64)} {
  let column = (${groupIndex}) * ${matvecOutputs}u + lane / 8u;
  let row = min(column, params.columns - 1u);
  var sum = 0.0;
  #if ${o.vectorK}
  let depth = params.depth / 4u;
  for (var k = lane % 8u; k < depth; k += 8u) { sum += dot(weight_at4(row * depth + k), x[params.x_offset / 4u + k]); }
  #else
  for (var k = lane % 8u; k < params.depth; k += 8u) { sum = fma(weight_at(row * params.depth + k), x[params.x_offset + k], sum); }
  #endif
  partial[lane] = sum;
  workgroupBarrier();
  if (lane % 8u != 0u || column >= params.columns) { return; }
  var value = ${unroll(8, (i) => `partial[lane + ${i}u]`, ' + ')};
  let at = params.y_offset + column;
  #if ${o.bias}
  value += bias[at];
  #endif
  #if ${o.activation !== 'none'}
  value = activate(value);
  #endif
  #if ${o.residual}
  value += residual[at];
  #endif
  y[at] = value;
}
`;
});
