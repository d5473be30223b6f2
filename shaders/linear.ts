/**
 * linear: y = activate(x·Wᵀ + bias) + residual.   x (M, K), W (N, K), y (M, N).
 *
 * One workgroup computes 32×32 outputs with 8×8 invocations; an invocation keeps a 4×4 tile in registers and walks K in vec4s, straight
 * from storage: lane / 8 picks its four rows, lane % 8 its four neighbouring columns. Rows beyond M leave early, eight lanes at a time.
 * Sizes are uniforms, so that one pipeline serves every linear of the same form.
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { cached, entry, groupIndex, unroll } from './common.ts';
import { type LinearOptions, linearHead, linearStore } from './linear_parts.ts';

export const linearTile = 32;

export const linearShader = cached((o: LinearOptions): string => {
  return wgsl`
${linearHead(o)}
${linearStore(o)}
${entry(64)} {
  let tiles = (params.columns + ${linearTile - 1}u) / ${linearTile}u;
  let index = ${groupIndex};
  let row = (index / tiles) * ${linearTile}u + (lane / 8u) * 4u;
  let column = (index % tiles) * ${linearTile}u + (lane % 8u) * 4u;
  if (row >= params.rows || column >= params.columns) { return; }
  #if ${o.vectorK}
  let depth = params.depth / 4u;
  let stride = params.x_stride / 4u;
  let offset = params.x_offset / 4u;
  #else
  let depth = params.depth;
  let stride = params.x_stride;
  let offset = params.x_offset;
  #endif
  ${unroll(4, (i) => `let x${i} = offset + min(row + ${i}u, params.rows - 1u) * stride;`)}
  ${unroll(4, (j) => `let w${j} = min(column + ${j}u, params.columns - 1u) * depth;`)}
  ${unroll(4, (i) => `var sum${i} = vec4f();`)}
  for (var k = 0u; k < depth; k++) {
    #if ${o.vectorK}
    ${unroll(4, (j) => `let b${j} = weight_at4(w${j} + k);`)}
    ${unroll(4, (c) => `let c${c} = vec4f(b0[${c}], b1[${c}], b2[${c}], b3[${c}]);`)}
    ${unroll(4, (i) => `{ let a = x[x${i} + k]; ${unroll(4, (c) => `sum${i} = fma(vec4f(a[${c}]), c${c}, sum${i});`, ' ')} }`)}
    #else
    let b = vec4f(weight_at(w0 + k), weight_at(w1 + k), weight_at(w2 + k), weight_at(w3 + k));
    ${unroll(4, (i) => `sum${i} = fma(vec4f(x[x${i} + k]), b, sum${i});`)}
    #endif
  }
  ${unroll(4, (i) => `store(row + ${i}u, column, sum${i});`)}
}
`;
});
