/**
 * layer_norm: y = (x − mean) / sqrt(var + eps) · weight + bias, then · (1 + scale) + shift where the block is modulated. Over the last axis.
 *
 * Eight lanes share a row, a workgroup of 64 takes eight rows. Two passes over the row (mean, then squared deviations), so that a large mean
 * costs no digits; partial sums meet in workgroup memory.
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { cached, entry, groupIndex, unroll } from './common.ts';

export interface LayerNormOptions {
  readonly vector: boolean;
}

export const normRows = 8;

export const layerNormShader = cached((o: LayerNormOptions): string => {
  const type = o.vector ? 'vec4f' : 'f32';
  const per = o.vector ? 4 : 1;
  const sum = o.vector ? 'dot(v, vec4f(1.0))' : 'v';
  const square = o.vector ? 'dot(d, d)' : 'd * d';
  return wgsl`
struct Params {
  rows: u32,
  width: u32,
  eps: f32,
  affine: u32,      // 1: weight and bias, 0: none, and something else is bound
  modulated: u32,   // likewise for shift and scale
  x_offset: u32,
  x_stride: u32,
  shift_offset: u32,
  shift_stride: u32,
  scale_offset: u32,
  scale_stride: u32,
}
@group(0) @binding(0) var<storage, read> x: array<${type}>;
@group(0) @binding(1) var<storage, read> weight: array<${type}>;
@group(0) @binding(2) var<storage, read> bias: array<${type}>;
@group(0) @binding(3) var<storage, read> shift: array<${type}>;
@group(0) @binding(4) var<storage, read> scale: array<${type}>;
@group(0) @binding(5) var<storage, read_write> y: array<${type}>;
@group(0) @binding(6) var<uniform> params: Params;
var<workgroup> sums: array<f32, 64>;
var<workgroup> squares: array<f32, 64>;
${entry(64)} {
  let first = lane & 56u;
  let row = (${groupIndex}) * ${normRows}u + lane / 8u;
  let at = min(row, params.rows - 1u);
  let width = params.width / ${per}u;
  let start = (params.x_offset + at * params.x_stride) / ${per}u;
  var sum = 0.0;
  for (var i = lane & 7u; i < width; i += 8u) { let v = x[start + i]; sum += ${sum}; }
  sums[lane] = sum;
  workgroupBarrier();
  let mean = (${unroll(8, (i) => `sums[first + ${i}u]`, ' + ')}) / f32(params.width);
  var square = 0.0;
  for (var i = lane & 7u; i < width; i += 8u) { let d = x[start + i] - mean; square += ${square}; }
  squares[lane] = square;
  workgroupBarrier();
  let variance = (${unroll(8, (i) => `squares[first + ${i}u]`, ' + ')}) / f32(params.width);
  let scaling = 1.0 / sqrt(variance + params.eps);
  if (row >= params.rows) { return; }
  for (var i = lane & 7u; i < width; i += 8u) {
    var v = (x[start + i] - mean) * scaling;
    if (params.affine == 1u) { v = fma(v, weight[i], bias[i]); }
    if (params.modulated == 1u) {
      let by = 1.0 + scale[(params.scale_offset + row * params.scale_stride) / ${per}u + i];
      v = fma(v, by, shift[(params.shift_offset + row * params.shift_stride) / ${per}u + i]);
    }
    y[row * width + i] = v;
  }
}
`;
});
