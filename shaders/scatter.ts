/** scatter: target[index[i]] = x[i], row by row; rows of the target that no index names stay as they are, indices beyond it are ignored. */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { entry, groupIndex } from './common.ts';

export const scatterLanes = 64;

export function scatterShader(o: { readonly vector: boolean }): string {
  const type = o.vector ? 'vec4f' : 'f32';
  const per = o.vector ? 4 : 1;
  return wgsl`
struct Params {
  rows: u32,
  width: u32,
  index_offset: u32,
  first: u32,       // index of the target's first row
  available: u32,   // rows of the target
  x_offset: u32,
  x_stride: u32,
}
@group(0) @binding(0) var<storage, read> x: array<${type}>;
@group(0) @binding(1) var<storage, read> index: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<${type}>;
@group(0) @binding(3) var<uniform> params: Params;
${entry(scatterLanes)} {
  let at = (${groupIndex}) * ${scatterLanes}u + lane;
  let width = params.width / ${per}u;
  let row = at / width;
  if (row >= params.rows) { return; }
  let to = index[params.index_offset + row] - params.first;   // wraps below first
  if (to >= params.available) { return; }
  y[to * width + at % width] = x[(params.x_offset + row * params.x_stride) / ${per}u + at % width];
}
`;
}
