/**
 * Element by element over rows: y = f(inputs), each input its own placement. One invocation computes one vec4 (or scalar) of up to eight rows: it
 * divides once to find its place, then steps from row to row.
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
  /** Of rows that are an outer product, row `block` of the outer axis and `item` of the inner one: the inputs that are read by either. */
  readonly row?: Readonly<Record<string, 'block' | 'item'>>;
}

export const elementwiseLanes = 64;
/** Rows of an invocation. */
export const elementwiseRun = 8;

export const elementwiseShader = cached((o: ElementwiseOptions): string => {
  const type = o.vector ? 'vec4f' : 'f32';
  const per = o.vector ? 4 : 1;
  const outer = Object.keys(o.row ?? {}).length > 0;
  const at = (name: string) => (o.row?.[name] ? `first_${name} + ${o.row[name]} * step_${name}` : `at_${name}`);
  const stepped = o.inputs.filter((name) => !o.row?.[name]);
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
  let first = index / width * ${elementwiseRun}u;
  let column = index % width;
  ${o.inputs.map((name) => `let step_${name} = params.${name}_stride / ${per}u; let first_${name} = params.${name}_offset / ${per}u + column;`).join('\n  ')}
  ${stepped.map((name) => `var at_${name} = first_${name} + first * step_${name};`).join('\n  ')}
  #if ${outer}
  var block = first / params.inner;
  var item = first % params.inner;
  #endif
  for (var row = first; row < min(first + ${elementwiseRun}u, params.rows); row++) {
    ${o.inputs.map((name) => `let ${name} = ${name}_data[${at(name)}];`).join('\n    ')}
    y[row * width + column] = ${o.expression.replaceAll('T', type)};
    ${stepped.map((name) => `at_${name} += step_${name};`).join('\n    ')}
    #if ${outer}
    item++;
    if (item == params.inner) { item = 0u; block++; }
    #endif
  }
}
`;
});
