/**
 * Element by element over rows: y = f(inputs), each input its own placement. One invocation computes one vec4 (or scalar) of y.
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { cached, entry, groupIndex } from './common.ts';

export interface ElementwiseOptions {
  readonly inputs: readonly string[];
  /** WGSL of the result in terms of the inputs' names; `T` stands for the element type. */
  readonly expression: string;
  /** Declarations that the expression needs. */
  readonly functions?: string;
  readonly vector: boolean;
  /** Rows of an input that all of y's rows share in turn: row r of y reads row `WGSL of r`. */
  readonly row?: Readonly<Record<string, string>>;
}

export const elementwiseLanes = 64;

export const elementwiseShader = cached((o: ElementwiseOptions): string => {
  const type = o.vector ? 'vec4f' : 'f32';
  const per = o.vector ? 4 : 1;
  const load = (name: string) =>
    `let ${name} = ${name}_data[(params.${name}_offset + (${o.row?.[name] ?? 'row'}) * params.${name}_stride) / ${per}u + column];`;
  return wgsl`
struct Params {
  rows: u32,
  width: u32,
  inner: u32,      // rows of the inner axis where rows are an outer product, else 1
  ${o.inputs.map((name) => `${name}_offset: u32, ${name}_stride: u32,`).join('\n  ')}
}
${o.inputs.map((name, i) => `@group(0) @binding(${i}) var<storage, read> ${name}_data: array<${type}>;`).join('\n')}
@group(0) @binding(${o.inputs.length}) var<storage, read_write> y: array<${type}>;
@group(0) @binding(${o.inputs.length + 1}) var<uniform> params: Params;
${o.functions ?? ''}
${entry(elementwiseLanes)} {
  let index = (${groupIndex}) * ${elementwiseLanes}u + lane;
  let width = params.width / ${per}u;
  let row = index / width;
  let column = index % width;
  if (row >= params.rows) { return; }
  ${o.inputs.map(load).join('\n  ')}
  y[index] = ${o.expression.replaceAll('T', type)};
}
`;
});
