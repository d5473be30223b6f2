/**
 * linear for one row: y = activate(x·Wᵀ + bias) + residual with x (1, K), W (N, K).
 *
 * Bound by reading W once. Eight lanes, or 32, share an output and stride through K in vec4s, so a workgroup reads eight or four rows of W side by
 * side; the partial sums of a row meet in workgroup memory.
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { declareActivation } from './activation.ts';
import { cached, entry, groupIndex, unroll } from './common.ts';
import { type LinearOptions, linearHead } from './linear_parts.ts';

export interface LinearMatvecOptions extends LinearOptions {
  /** Lanes that share an output. */
  readonly lanes: 8 | 32;
}

/** Outputs of a workgroup. */
export const matvecOutputs = { 8: 8, 32: 4 } as const;

export const linearMatvecShader = cached((o: LinearMatvecOptions): string => {
  const { lanes } = o;
  const outputs = matvecOutputs[lanes];
  return wgsl`
${linearHead({ ...o, vectorN: false })}
var<workgroup> partial: array<f32, ${lanes * outputs}>;
${declareActivation(o.activation, 'f32')}
${entry(lanes * outputs)} {
  let column = (${groupIndex}) * ${outputs}u + lane / ${lanes}u;
  let row = min(column, params.columns - 1u);
  let first = lane % ${lanes}u;
  var sum = 0.0;
  #if ${o.vectorK}
  let depth = params.depth / 4u;
  for (var k = first; k < depth; k += ${lanes}u) { sum += dot(weight_at4(row * depth + k), x[params.x_offset / 4u + k]); }
  #else
  for (var k = first; k < params.depth; k += ${lanes}u) { sum = fma(weight_at(row * params.depth + k), x[params.x_offset + k], sum); }
  #endif
  partial[lane] = sum;
  workgroupBarrier();
  if (first != 0u || column >= params.columns) { return; }
  var value = ${unroll(lanes, (i) => `partial[lane + ${i}u]`, ' + ')};
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
