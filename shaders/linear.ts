/**
 * linear: y = activate(x·Wᵀ + bias) + residual.   x (M, K), W (N, K), y (M, N).
 *
 * One workgroup computes 32×32 outputs with 8×8 invocations; an invocation keeps a 4×4 tile in registers and walks K in vec4s, straight
 * from storage: lane / 8 picks its four rows, lane % 8 its four neighbouring columns. Rows beyond M leave early, eight lanes at a time.
 * Sizes are uniforms, so that one pipeline serves every linear of the same form.
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { type Activation, declareActivation } from './activation.ts';
import { type MatrixStorage, cached, declareTensor, entry, groupIndex, unroll } from './common.ts';

export interface LinearOptions {
  readonly weight: MatrixStorage;
  readonly bias: boolean;
  readonly residual: boolean;
  readonly activation: Activation;
  /** K (and the placement of x) allow reading in vec4s. */
  readonly vectorK: boolean;
  /** N (and the placement of y and residual) allow writing in vec4s. */
  readonly vectorN: boolean;
}

export const linearTile = 32;

export const linearShader = cached((o: LinearOptions): string => {
  const binding = { bias: 2, residual: o.bias ? 3 : 2, y: 2 + Number(o.bias) + Number(o.residual) };
  const y = o.vectorN ? 'vec4f' : 'f32';
  return wgsl`
struct Params {
  rows: u32,
  depth: u32,      // K
  columns: u32,    // N of this weight part
  x_offset: u32,   // elements
  x_stride: u32,
  y_offset: u32,   // first column of this part in y
  y_stride: u32,   // N of the whole
}
${declareTensor(0, 'weight', o.weight, !o.vectorK)}
@group(0) @binding(1) var<storage, read> x: array<${o.vectorK ? 'vec4f' : 'f32'}>;
#if ${o.bias}
@group(0) @binding(${binding.bias}) var<storage, read> bias: array<${y}>;
#endif
#if ${o.residual}
@group(0) @binding(${binding.residual}) var<storage, read> residual: array<${y}>;
#endif
@group(0) @binding(${binding.y}) var<storage, read_write> y: array<${y}>;
@group(0) @binding(${binding.y + 1}) var<uniform> params: Params;
${declareActivation(o.activation)}
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

fn store(row: u32, column: u32, sum: vec4f) {
  if (row >= params.rows) { return; }
  let at = row * params.y_stride + params.y_offset + column;
  var value = sum;
  #if ${o.vectorN}
    #if ${o.bias}
  value += bias[(params.y_offset + column) / 4u];
    #endif
    #if ${o.activation !== 'none'}
  value = activate(value);
    #endif
    #if ${o.residual}
  value += residual[at / 4u];
    #endif
  y[at / 4u] = value;
  #else
    #if ${o.bias}
  ${unroll(4, (j) => `if (column + ${j}u < params.columns) { value[${j}] += bias[params.y_offset + column + ${j}u]; }`)}
    #endif
    #if ${o.activation !== 'none'}
  value = activate(value);
    #endif
  for (var j = 0u; j < min(4u, params.columns - column); j++) {
    #if ${o.residual}
    value[j] += residual[at + j];
    #endif
    y[at + j] = value[j];
  }
  #endif
}
`;
});
