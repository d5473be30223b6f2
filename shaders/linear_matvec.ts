/**
 * linear for one row: y = activate(x·Wᵀ + bias) + residual with x (1, K), W (N, K).
 *
 * Bound by reading W once. Eight lanes share an output and stride through K in vec4s, so a workgroup of 64 reads eight rows of W side by side;
 * their eight partial sums meet in workgroup memory.
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { declareActivation } from './activation.ts';
import { cached, entry, groupIndex, unroll } from './common.ts';
import { type LinearOptions, linearHead } from './linear_parts.ts';

export const matvecOutputs = 8;

export const linearMatvecShader = cached((o: LinearOptions): string => {
  return wgsl`
${linearHead({ ...o, vectorN: false })}
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
