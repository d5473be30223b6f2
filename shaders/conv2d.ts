/**
 * conv2d: y = x ∗ W + bias (+ residual), an implicit matrix product.   x (H, W, Cin), W (Cout, k, k, Cin), y (positions, Cout).
 *
 * One workgroup computes 32 positions × 32 channels with 8×8 invocations; an invocation keeps a 4×4 tile in registers: lane / 8 picks its
 * positions, lane % 8 its channels. For each tap of the filter it finds the four source pixels once, then walks Cin in vec4s straight from
 * storage; pixels in the border count as zeros. Sizes, stride, padding, the nearest ×2 upsampling of x and whether there is a residual
 * are uniforms, so that one pipeline serves nearly every convolution of a model. Results leave through one store in a loop, which keeps the text, and compiling it, short.
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { type Storage, cached, declareTensor, entry, groupIndex, unroll } from './common.ts';

export interface Conv2dOptions {
  readonly weight: Storage;
  readonly bias: boolean;
  /** Cin allows reading in vec4s. */
  readonly vector: boolean;
}

/** Positions and channels of a workgroup. */
export const conv2dTile = 32;

export const conv2dShader = cached((o: Conv2dOptions): string => {
  const type = o.vector ? 'vec4f' : 'f32';
  const per = o.vector ? 4 : 1;
  const at = o.vector ? 'weight_at4' : 'weight_at';
  const y = 3 + Number(o.bias);
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
  residual: u32,    // 0 where nothing is added; the binding is then not read
}
${declareTensor(0, 'weight', o.weight, !o.vector)}
@group(0) @binding(1) var<storage, read> x: array<${type}>;
@group(0) @binding(2) var<storage, read> residual: array<f32>;
#if ${o.bias}
@group(0) @binding(3) var<storage, read> bias: array<f32>;
#endif
@group(0) @binding(${y}) var<storage, read_write> y: array<f32>;
@group(0) @binding(${y + 1}) var<uniform> params: Params;
${entry(64)} {
  let tiles = (params.columns + ${conv2dTile - 1}u) / ${conv2dTile}u;
  let index = ${groupIndex};
  let first = (index / tiles) * ${conv2dTile}u + (lane / 8u) * 4u;
  let column = (index % tiles) * ${conv2dTile}u + (lane % 8u) * 4u;
  if (first >= params.positions || column >= params.columns) { return; }
  // row and column of the top left pixel under the filter; left or above of x they wrap to numbers beyond it
  let p = min(first + vec4u(0, 1, 2, 3), vec4u(params.positions - 1u));
  let top = (p / params.width) * params.stride + u32(params.top);
  let left = (p % params.width) * params.stride + u32(params.left);
  let channels = params.channels / ${per}u;
  let taps = params.kernel * params.kernel;
  ${unroll(4, (i) => `var sum${i} = vec4f();`)}
  for (var tap = 0u; tap < taps; tap++) {
    let row = top + tap / params.kernel;
    let breadth = left + tap % params.kernel;
    let inside = (row < vec4u(params.x_height)) & (breadth < vec4u(params.x_width));
    let pixel = (row >> vec4u(params.shift)) * (params.x_width >> params.shift) + (breadth >> vec4u(params.shift));
    let xs = select(vec4u(), pixel * channels, inside);
    let ws = (min(column + vec4u(0, 1, 2, 3), vec4u(params.columns - 1u)) * taps + tap) * channels;
    for (var k = 0u; k < channels; k++) {
      #if ${o.vector}
      ${unroll(4, (j) => `let b${j} = ${at}(ws[${j}] + k);`)}
      ${unroll(4, (i) => `{ let a = select(vec4f(), x[xs[${i}] + k], inside[${i}]); sum${i} += vec4f(dot(a, b0), dot(a, b1), dot(a, b2), dot(a, b3)); }`)}
      #else
      let b = vec4f(${unroll(4, (j) => `${at}(ws[${j}] + k)`, ', ')});
      ${unroll(4, (i) => `sum${i} = fma(vec4f(select(0.0, x[xs[${i}] + k], inside[${i}])), b, sum${i});`)}
      #endif
    }
  }
  var sums = array<vec4f, 4>(sum0, sum1, sum2, sum3);
  for (var i = first; i < min(first + 4u, params.positions); i++) {
    for (var j = column; j < min(column + 4u, params.columns); j++) {
      let to = i * params.columns + j;
      var value = sums[i - first][j - column];
      #if ${o.bias}
      value += bias[j];
      #endif
      if (params.residual != 0u) { value += residual[to]; }
      y[to] = value;
    }
  }
}
`;
});
