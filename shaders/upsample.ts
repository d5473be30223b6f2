/** upsample: y[r][c] = x[r / 2][c / 2], every pixel four times. One invocation copies one vec4 (or scalar) of x to its four places. */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { entry, groupIndex } from './common.ts';

export const upsampleLanes = 64;

export function upsampleShader(o: { readonly vector: boolean }): string {
  const type = o.vector ? 'vec4f' : 'f32';
  const per = o.vector ? 4 : 1;
  return wgsl`
struct Params {
  height: u32,     // of x
  width: u32,
  channels: u32,
}
@group(0) @binding(0) var<storage, read> x: array<${type}>;
@group(0) @binding(1) var<storage, read_write> y: array<${type}>;
@group(0) @binding(2) var<uniform> params: Params;
${entry(upsampleLanes)} {
  let at = (${groupIndex}) * ${upsampleLanes}u + lane;
  let channels = params.channels / ${per}u;
  let position = at / channels;
  let row = position / params.width;
  if (row >= params.height) { return; }
  let value = x[at];
  let breadth = 2u * params.width * channels;
  let to = row * 2u * breadth + position % params.width * 2u * channels + at % channels;
  y[to] = value;
  y[to + channels] = value;
  y[to + breadth] = value;
  y[to + breadth + channels] = value;
}
`;
}
