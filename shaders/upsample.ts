/** upsample: y[r][c] = x[r / 2][c / 2], every pixel four times. One invocation copies one vec4 (or scalar) of y. */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { entry, groupIndex } from './common.ts';

export const upsampleLanes = 64;

export function upsampleShader(o: { readonly vector: boolean }): string {
  const type = o.vector ? 'vec4f' : 'f32';
  const per = o.vector ? 4 : 1;
  return wgsl`
struct Params {
  height: u32,     // of y
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
  let column = position % params.width;
  if (row >= params.height) { return; }
  y[at] = x[((row / 2u) * (params.width / 2u) + column / 2u) * channels + at % channels];
}
`;
}
