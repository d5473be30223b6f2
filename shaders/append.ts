/** append: cache[b, past[b] + t] = x[b, t], row by row; rows that would lie beyond the cache are not written. */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { cached, entry, groupIndex } from './common.ts';

export const appendLanes = 64;

export const appendShader = cached((o: { readonly vector: boolean }): string => {
  const type = o.vector ? 'vec4f' : 'f32';
  const per = o.vector ? 4 : 1;
  return wgsl`
struct Params {
  rows: u32,       // B·T
  length: u32,     // T
  past_offset: u32,
  width: u32,
  x_offset: u32,   // elements
  x_stride: u32,
  cached: u32,     // rows of the cache a batch, S
}
@group(0) @binding(0) var<storage, read> x: array<${type}>;
@group(0) @binding(1) var<storage, read> past: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<${type}>;
@group(0) @binding(3) var<uniform> params: Params;
${entry(appendLanes)} {
  let index = (${groupIndex}) * ${appendLanes}u + lane;
  let width = params.width / ${per}u;
  let row = index / width;
  if (row >= params.rows) { return; }
  let batch = row / params.length;
  let position = past[params.past_offset + batch] + row % params.length;
  if (position >= params.cached) { return; }
  y[(batch * params.cached + position) * width + index % width] = x[(params.x_offset + row * params.x_stride) / ${per}u + index % width];
}
`;
});
