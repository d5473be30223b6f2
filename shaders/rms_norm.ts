/**
 * rms_norm: y = x / sqrt(mean(x²) + eps) · weight, over the last axis.
 *
 * Eight lanes share a row, a workgroup of 64 takes eight rows; partial sums meet in workgroup memory. Squares stay finite in f32
 * up to magnitudes of 1e18.
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { cached, entry, groupIndex, unroll } from './common.ts';
import { normRows } from './layer_norm.ts';

export interface RmsNormOptions {
  readonly vector: boolean;
}

export const rmsNormShader = cached((o: RmsNormOptions): string => {
  const type = o.vector ? 'vec4f' : 'f32';
  const per = o.vector ? 4 : 1;
  return wgsl`
struct Params {
  rows: u32,
  width: u32,
  eps: f32,
  x_offset: u32,
  x_stride: u32,
}
@group(0) @binding(0) var<storage, read> x: array<${type}>;
@group(0) @binding(1) var<storage, read> weight: array<${type}>;
@group(0) @binding(2) var<storage, read_write> y: array<${type}>;
@group(0) @binding(3) var<uniform> params: Params;
var<workgroup> squares: array<f32, 64>;
${entry(64)} {
  let first = lane & 56u;
  let row = (${groupIndex}) * ${normRows}u + lane / 8u;
  let at = min(row, params.rows - 1u);
  let width = params.width / ${per}u;
  let start = (params.x_offset + at * params.x_stride) / ${per}u;
  var square = 0.0;
  for (var i = lane & 7u; i < width; i += 8u) { let v = x[start + i]; square += ${o.vector ? 'dot(v, v)' : 'v * v'}; }
  squares[lane] = square;
  workgroupBarrier();
  let mean = (${unroll(8, (i) => `squares[first + ${i}u]`, ' + ')}) / f32(params.width);
  let scaling = 1.0 / sqrt(mean + params.eps);
  if (row >= params.rows) { return; }
  for (var i = lane & 7u; i < width; i += 8u) { y[row * width + i] = x[start + i] * scaling * weight[i]; }
}
`;
});
