/**
 * What follows the chunks of `linear_tile`: y = activate(Σ x + bias) + residual.   x (chunks, M, N up to a multiple of 4), y (M, N).
 *
 * Each invocation adds four neighbouring columns of a row, chunk by chunk in order, whatever workgroups made them.
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { cached, entry, groupIndex } from './common.ts';
import { type EpilogueOptions, epilogueBindings, linearStore } from './linear_parts.ts';

/** Invocations of a workgroup, four columns each. */
export const sumLanes = 64;

export const linearSumShader = cached((o: EpilogueOptions): string => {
  return wgsl`
struct Params {
  rows: u32,       // M
  columns: u32,    // N of this weight part
  chunks: u32,
  y_offset: u32,   // first column of this part in y
  y_stride: u32,   // N of the whole
}
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
${epilogueBindings(o)}
${linearStore(o)}
${entry(sumLanes)} {
  let quads = (params.columns + 3u) / 4u;
  let index = (${groupIndex}) * ${sumLanes}u + lane;
  if (index >= params.rows * quads) { return; }
  var sum = vec4f();
  for (var chunk = 0u; chunk < params.chunks; chunk++) { sum += x[chunk * params.rows * quads + index]; }
  store(index / quads, index % quads * 4u, sum);
}
`;
});
