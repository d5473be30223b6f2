/**
 * What the kernels of linear share that read weights row by row: sizes, bindings, and what becomes of a sum. x (M, K), W (N, K), y (M, N).
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { type Activation, declareActivation } from './activation.ts';
import { type MatrixStorage, declareTensor, unroll } from './common.ts';

/** What follows the sum. */
export interface EpilogueOptions {
  readonly bias: boolean;
  readonly residual: boolean;
  readonly activation: Activation;
  /** N (and the placement of y and residual) allow writing in vec4s. */
  readonly vectorN: boolean;
}

export interface LinearOptions extends EpilogueOptions {
  readonly weight: MatrixStorage;
  /** K (and the placement of x) allow reading in vec4s. */
  readonly vectorK: boolean;
}

/** `params`, with `more` fields, and the bindings. y, bias and residual are vec4s where N allows it. */
export function linearHead(o: LinearOptions, more = ''): string {
  return wgsl`
struct Params {
  rows: u32,       // M
  depth: u32,      // K
  columns: u32,    // N of this weight part
  x_offset: u32,   // elements
  x_stride: u32,
  y_offset: u32,   // first column of this part in y
  y_stride: u32,   // N of the whole
  ${more}
}
${declareTensor(0, 'weight', o.weight, !o.vectorK)}
@group(0) @binding(1) var<storage, read> x: array<${o.vectorK ? 'vec4f' : 'f32'}>;
${epilogueBindings(o)}
`;
}

/** bias, residual, y and `params`, from binding 2 on. */
export function epilogueBindings(o: EpilogueOptions): string {
  const binding = { bias: 2, residual: o.bias ? 3 : 2, y: 2 + Number(o.bias) + Number(o.residual) };
  const y = o.vectorN ? 'vec4f' : 'f32';
  return wgsl`
#if ${o.bias}
@group(0) @binding(${binding.bias}) var<storage, read> bias: array<${y}>;
#endif
#if ${o.residual}
@group(0) @binding(${binding.residual}) var<storage, read> residual: array<${y}>;
#endif
@group(0) @binding(${binding.y}) var<storage, read_write> y: array<${y}>;
@group(0) @binding(${binding.y + 1}) var<uniform> params: Params;
`;
}

/** `store(row, column, sum)`: bias, activation and residual, then y, for four neighbouring columns; nothing beyond the ends. */
export function linearStore(o: EpilogueOptions): string {
  return wgsl`
${declareActivation(o.activation)}
fn store(row: u32, column: u32, sum: vec4f) {
  if (row >= params.rows || column >= params.columns) { return; }
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
}
