/**
 * group_norm: y = activate((x − mean) / sqrt(var + eps) · weight + bias), mean and variance over all positions and the channels of a group.
 *
 * Three kernels. `partial`: an invocation takes a vec4 (or scalar) of channels over a chunk of positions and finds their mean and the sum of squared
 * deviations from it (M2) in one pass, each vec4 joining those before it as in `layer_norm`. `combine`: a workgroup takes a group and joins its partial
 * results, M2 = Σ M2ᵢ + Σ nᵢ(meanᵢ − mean)², into mean, scale and shift of each channel, twice, the second time correcting the mean by what its
 * deviations leave over. So a large mean costs no digits. `apply`: an invocation takes a vec4 (or scalar) of channels and a few positions; a
 * convolution that applies them in its prologue needs the first two only (`normalise.ts`).
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { type Activation, declareActivation } from './activation.ts';
import { entry, groupIndex } from './common.ts';

/** Positions of an invocation of `apply`. */
export const groupNormRun = 8;

/** Positions that an invocation of `partial` takes: what leaves enough of them, and few enough results. */
export function groupNormChunk(positions: number): number {
  return Math.max(16, Math.ceil(positions / 512));
}

export function groupNormPartialShader(o: { readonly vector: boolean }): string {
  const type = o.vector ? 'vec4f' : 'f32';
  const per = o.vector ? 4 : 1;
  return wgsl`
struct Params {
  positions: u32,
  channels: u32,
  chunk: u32,      // positions of a chunk
}
@group(0) @binding(0) var<storage, read> x: array<${type}>;
@group(0) @binding(1) var<storage, read_write> partial: array<vec2f>;   // (chunks, units): mean, M2
@group(0) @binding(2) var<uniform> params: Params;
${entry(64)} {
  let index = (${groupIndex}) * 64u + lane;
  let units = params.channels / ${per}u;
  let first = (index / units) * params.chunk;
  if (first >= params.positions) { return; }
  let last = min(first + params.chunk, params.positions);
  var mean = 0.0;
  var m2 = 0.0;
  var n = 0.0;
  for (var at = first * units + index % units; at < last * units; at += units) {
    let v = x[at];
    #if ${o.vector}
    let own = dot(v, vec4f(0.25));
    let e = v - own;
    m2 += dot(e, e);
    #else
    let own = v;
    #endif
    n += 1.0;
    let d = own - mean;
    mean += d / n;
    m2 = fma(d * ${per}.0, own - mean, m2);
  }
  partial[index] = vec2f(mean, m2);
}
`;
}

/** `per`: channels that share a partial result. */
export function groupNormCombineShader({ per }: { readonly per: 1 | 4 }): string {
  return wgsl`
struct Params {
  positions: u32,
  channels: u32,
  groups: u32,
  chunk: u32,
  chunks: u32,
  eps: f32,
}
@group(0) @binding(0) var<storage, read> partial: array<vec2f>;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> norm: array<f32>;   // (3, channels): mean, scale, shift
@group(0) @binding(4) var<uniform> params: Params;
var<workgroup> sums: array<vec2f, 64>;
${entry(64)} {
  let group_at = ${groupIndex};
  if (group_at >= params.groups) { return; }
  let width = params.channels / params.groups;
  let units = width / ${per}u;
  let elements = f32(params.positions * width);
  var center = 0.0;
  var variance = 0.0;
  for (var turn = 0u; turn < 2u; turn++) {
    var sum = vec2f();
    for (var i = lane; i < params.chunks * units; i += 64u) {
      let chunk = i / units;
      let own = partial[(chunk * params.groups + group_at) * units + i % units];
      let n = f32(min(params.chunk, params.positions - chunk * params.chunk)) * ${per}.0;
      let d = own.x - center;
      sum += vec2f(n * d, fma(n * d, d, own.y));
    }
    workgroupBarrier();                  // the turn before has been read
    sums[lane] = sum;
    workgroupBarrier();
    var all = vec2f();
    for (var i = 0u; i < 64u; i++) { all += sums[i]; }
    all /= elements;
    center += all.x;
    variance = fma(-all.x, all.x, all.y);
  }
  let scaling = 1.0 / sqrt(variance + params.eps);
  for (var c = group_at * width + lane; c < (group_at + 1u) * width; c += 64u) {
    norm[c] = center;
    norm[params.channels + c] = weight[c] * scaling;
    norm[2u * params.channels + c] = bias[c];
  }
}
`;
}

export interface GroupNormApplyOptions {
  readonly activation: Activation;
  readonly vector: boolean;
}

export function groupNormApplyShader(o: GroupNormApplyOptions): string {
  const type = o.vector ? 'vec4f' : 'f32';
  const per = o.vector ? 4 : 1;
  return wgsl`
struct Params {
  positions: u32,
  channels: u32,
}
@group(0) @binding(0) var<storage, read> x: array<${type}>;
@group(0) @binding(1) var<storage, read> norm: array<${type}>;   // (3, channels): mean, scale, shift
@group(0) @binding(2) var<storage, read_write> y: array<${type}>;
@group(0) @binding(3) var<uniform> params: Params;
${declareActivation(o.activation, type)}
${entry(64)} {
  let index = (${groupIndex}) * 64u + lane;
  let width = params.channels / ${per}u;
  let c = index % width;
  let first = (index / width) * ${groupNormRun}u;
  if (first >= params.positions) { return; }
  let center = norm[c];
  let scaling = norm[width + c];
  let shift = norm[2u * width + c];
  for (var p = first; p < min(first + ${groupNormRun}u, params.positions); p++) {
    let value = fma(x[p * width + c] - center, scaling, shift);
    y[p * width + c] = ${o.activation === 'none' ? 'value' : 'activate(value)'};
  }
}
`;
}
