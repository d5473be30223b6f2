/**
 * conv2d through workgroup memory: y = x ∗ W + bias (+ residual), an implicit matrix product.   x (H, W, Cin), W (Cout, k, k, Cin), y (positions,
 * Cout). For GPUs, whatever their subgroups are.
 *
 * A workgroup of 8×8 invocations computes 64 positions × 64 channels, or 32 × 32. For each tap of the filter and each four vec4s of Cin it leaves
 * pixels and weights in workgroup memory; every invocation then multiplies its 8×8 (or 4×4) of them, eight apart. Pixels in the border are zeros.
 *
 * Small pictures of many channels fill no GPU. Then Cin is split into `parts`, which workgroups of their own add up, and `conv2d_sum` adds the parts
 * together in order.
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { type Storage, cached, declareTensor, entry, groupIndex, unroll } from './common.ts';
import { type Prologue, declareNormalise } from './normalise.ts';

export interface Conv2dTileOptions {
  readonly weight: Storage;
  /** Positions and channels of a workgroup. */
  readonly side: 32 | 64;
  readonly prologue?: Prologue;
}

/** vec4s of Cin that lie in workgroup memory at once, and from one of them to the next, so that neighbours meet different banks. */
const UNITS = 4;
const line = (side: number) => side + 2;

/** Cin must be a multiple of 4. */
export const conv2dTileShader = cached(({ weight, side, prologue }: Conv2dTileOptions): string => {
  const own = side / 8; // positions and channels of an invocation
  const loads = (side * UNITS) / 64; // vec4s of x, and of W, that an invocation brings
  const quads = own / 4;
  return wgsl`
struct Params {
  positions: u32,   // of y
  width: u32,       // of y
  columns: u32,     // Cout
  channels: u32,    // Cin
  kernel: u32,      // side of the filter
  stride: u32,
  top: i32,         // row of x that the filter sees first, and column: −1 where zeros stand above and to the left
  left: i32,
  x_height: u32,    // as the filter sees it
  x_width: u32,
  shift: u32,       // 1 where the filter sees every pixel of x twice in both directions
  parts: u32,       // of Cin; with more than one, y is (parts, positions, Cout) and nothing is added
  has_bias: u32,
  has_residual: u32,
}
${declareTensor(0, 'weight', weight)}
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> residual: array<f32>;   // something else where there is none
@group(0) @binding(3) var<storage, read> bias: array<f32>;       // likewise
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
@group(0) @binding(${prologue ? 6 : 5}) var<uniform> params: Params;
${declareNormalise(5, prologue)}
var<workgroup> pixels: array<vec4f, ${UNITS * line(side)}>;    // (units, positions)
var<workgroup> filters: array<vec4f, ${UNITS * line(side)}>;   // (units, channels)
${entry(64)} {
  let tiles = (params.columns + ${side - 1}u) / ${side}u;
  let index = ${groupIndex};
  let part = index % params.parts;
  let column = index / params.parts % tiles * ${side}u;
  let first = index / params.parts / tiles * ${side}u;
  if (first >= params.positions) { return; }
  let units = params.channels / 4u;
  let share = (units + params.parts - 1u) / params.parts;
  let begin = part * share;
  let end = min(begin + share, units);
  let taps = params.kernel * params.kernel;
  // what it brings: unit lane % 4 of positions and channels lane / 4, lane / 4 + 16, …
  let unit = lane % ${UNITS}u;
  let slot = unit * ${line(side)}u + lane / ${UNITS}u;
  ${unroll(
    loads,
    (i) => `
  let p${i} = min(first + lane / ${UNITS}u + ${16 * i}u, params.positions - 1u);
  let top${i} = p${i} / params.width * params.stride + u32(params.top);   // above and to the left of x they wrap to numbers beyond it
  let left${i} = p${i} % params.width * params.stride + u32(params.left);
  let filter${i} = min(column + lane / ${UNITS}u + ${16 * i}u, params.columns - 1u) * taps;`,
  )}
  let down = lane / 8u;
  let across = lane % 8u;
  ${unroll(own, (i) => unroll(quads, (q) => `var sum${i}_${q} = vec4f();`, ' '))}
  for (var tap = 0u; tap < taps; tap++) {
    let dy = tap / params.kernel;
    let dx = tap % params.kernel;
    ${unroll(
      loads,
      (i) => `
    let inside${i} = top${i} + dy < params.x_height && left${i} + dx < params.x_width;
    let from${i} = (((top${i} + dy) >> params.shift) * (params.x_width >> params.shift) + ((left${i} + dx) >> params.shift)) * units;`,
    )}
    for (var k = begin; k < end; k += ${UNITS}u) {
      let at = k + unit;
      workgroupBarrier();   // all have read the step before
      if (at < end) {
        let n = norm_at(at);
        ${unroll(loads, (i) => `if (inside${i}) { pixels[slot + ${16 * i}u] = normalise(x[from${i} + at], n); } else { pixels[slot + ${16 * i}u] = vec4f(); }`)}
        ${unroll(loads, (i) => `filters[slot + ${16 * i}u] = weight_at4((filter${i} + tap) * units + at);`)}
      } else {
        ${unroll(loads, (i) => `pixels[slot + ${16 * i}u] = vec4f(); filters[slot + ${16 * i}u] = vec4f();`)}
      }
      workgroupBarrier();
      for (var u = 0u; u < ${UNITS}u; u++) {
        let line = u * ${line(side)}u;
        ${unroll(own, (j) => `let b${j} = filters[line + across + ${8 * j}u];`)}
        ${unroll(
          own,
          (i) =>
            `{ let a = pixels[line + down + ${8 * i}u]; ${unroll(quads, (q) => `sum${i}_${q} += vec4f(${unroll(4, (j) => `dot(a, b${4 * q + j})`, ', ')});`, ' ')} }`,
        )}
      }
    }
  }
  for (var p = first + down; p < min(first + ${side}u, params.positions); p += 8u) {
    ${unroll(quads, (q) => `var value${q} = sum0_${q};`)}
    switch (p - first) / 8u {
      ${unroll(own - 1, (i) => `case ${i + 1}u: { ${unroll(quads, (q) => `value${q} = sum${i + 1}_${q};`, ' ')} }`)}
      default: {}
    }
    ${unroll(own, (j) => `store(part, p, column + across + ${8 * j}u, value${j >> 2}[${j % 4}]);`)}
  }
}

fn store(part: u32, position: u32, column: u32, sum: f32) {
  if (column >= params.columns) { return; }
  let to = position * params.columns + column;
  var value = sum;
  if (params.has_bias == 1u) { value += bias[column]; }
  if (params.has_residual == 1u) { value += residual[to]; }
  y[part * params.positions * params.columns + to] = value;
}
`;
});

/** Invocations of a workgroup of `conv2d_sum`, one element each. */
export const conv2dSumLanes = 64;

/** conv2d_sum: y = Σ parts + bias (+ residual).   parts (parts, positions, Cout), y (positions, Cout). */
export const conv2dSumShader = cached((_: object): string => {
  return wgsl`
struct Params {
  elements: u32,    // of y
  columns: u32,     // Cout
  parts: u32,
  has_bias: u32,
  has_residual: u32,
}
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> residual: array<f32>;   // something else where there is none
@group(0) @binding(2) var<storage, read> bias: array<f32>;       // likewise
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;
${entry(conv2dSumLanes)} {
  let at = (${groupIndex}) * ${conv2dSumLanes}u + lane;
  if (at >= params.elements) { return; }
  var value = x[at];
  for (var part = 1u; part < params.parts; part++) { value += x[part * params.elements + at]; }
  if (params.has_bias == 1u) { value += bias[at % params.columns]; }
  if (params.has_residual == 1u) { value += residual[at]; }
  y[at] = value;
}
`;
});
