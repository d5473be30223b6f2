/**
 * layer_norm: y = (x − mean) / sqrt(var + eps) · weight + bias, then · (1 + scale) + shift where the block is modulated. Over the last axis.
 *
 * Eight lanes share a row, a workgroup of 64 takes eight rows. Statistics take one pass: each vec4 (or scalar) has its own mean and squared
 * deviations, which join those before it (M2 = M2a + M2b + δ²·na·nb/n), so that a large mean costs no digits; lanes join in workgroup memory.
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { cached, entry, groupIndex, unroll } from './common.ts';

export interface LayerNormOptions {
  readonly vector: boolean;
  /** Whether there are weight and bias, and shift and scale. */
  readonly affine: boolean;
  readonly modulated: boolean;
}

export const normRows = 8;

export const layerNormShader = cached((o: LayerNormOptions): string => {
  const type = o.vector ? 'vec4f' : 'f32';
  const per = o.vector ? 4 : 1;
  const operands = ['x', ...(o.affine ? ['weight', 'bias'] : []), ...(o.modulated ? ['shift', 'scale'] : [])];
  return wgsl`
struct Params {
  rows: u32,
  width: u32,
  eps: f32,
  ${['x', ...(o.modulated ? ['shift', 'scale'] : [])].map((name) => `${name}_offset: u32, ${name}_stride: u32,`).join('\n  ')}
}
${operands.map((name, i) => `@group(0) @binding(${i}) var<storage, read> ${name}: array<${type}>;`).join('\n')}
@group(0) @binding(${operands.length}) var<storage, read_write> y: array<${type}>;
@group(0) @binding(${operands.length + 1}) var<uniform> params: Params;
var<workgroup> means: array<f32, 64>;     // times their number of units
var<workgroup> squares: array<f32, 64>;
${entry(64)} {
  let first = lane & 56u;
  let row = (${groupIndex}) * ${normRows}u + lane / 8u;
  let at = min(row, params.rows - 1u);
  let width = params.width / ${per}u;
  let last = select(0u, width, row < params.rows);   // lanes without a row compute another's and store nothing
  let start = (params.x_offset + at * params.x_stride) / ${per}u;
  var mean = 0.0;
  var square = 0.0;
  var n = 0.0;
  for (var i = lane & 7u; i < width; i += 8u) {
    let v = x[start + i];
    #if ${o.vector}
    let own = dot(v, vec4f(0.25));
    let e = v - own;
    square += dot(e, e);
    #else
    let own = v;
    #endif
    n += 1.0;
    let d = own - mean;
    mean += d / n;
    square = fma(d * ${per}.0, own - mean, square);
  }
  means[lane] = mean * n;
  workgroupBarrier();
  let center = (${unroll(8, (i) => `means[first + ${i}u]`, ' + ')}) / f32(width);
  squares[lane] = fma((mean - center) * (mean - center), n * ${per}.0, square);
  workgroupBarrier();
  let variance = (${unroll(8, (i) => `squares[first + ${i}u]`, ' + ')}) / f32(params.width);
  let scaling = 1.0 / sqrt(variance + params.eps);
  #if ${o.modulated}
  let scales = (params.scale_offset + at * params.scale_stride) / ${per}u;
  let shifts = (params.shift_offset + at * params.shift_stride) / ${per}u;
  #endif
  for (var i = lane & 7u; i < last; i += 8u) {
    var v = (x[start + i] - center) * scaling;
    #if ${o.affine}
    v = fma(v, weight[i], bias[i]);
    #endif
    #if ${o.modulated}
    v = fma(v, 1.0 + scale[scales + i], shift[shifts + i]);
    #endif
    y[row * width + i] = v;
  }
}
`;
});
