/**
 * conv2d where shuffles do not pay: y = x ∗ W + bias (+ residual).   x (H, W, Cin), W (Cout, k, k, Cin), y (positions, Cout).
 *
 * An invocation computes eight neighbouring positions of a row × 4 channels: for each row of the filter and each vec4 of Cin it reads the weights of
 * the whole row of the filter, then each pixel once, which feeds every position that sees it. With `lanes` along the channels a workgroup takes 8 runs of
 * positions × 32 channels; along the positions, for few channels, 64 runs × 4. Pixels in the border
 * become zeros by a mask of bits, which is cheaper than `select` where subgroups are of four.
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { type Storage, cached, declareTensor, entry, groupIndex, unroll } from './common.ts';
import { type Prologue, declareNormalise } from './normalise.ts';

export interface Conv2dRowsOptions {
  readonly weight: Storage;
  readonly bias: boolean;
  readonly kernel: 1 | 3;
  readonly stride: 1 | 2;
  /** Invocations of a workgroup that lie along the channels; the others lie along the positions. */
  readonly lanes: 1 | 8;
  readonly prologue?: Prologue;
}

/** Positions of an invocation, and channels. Cin must be a multiple of 4. */
export const conv2dRun = 8;
export const conv2dRowsColumns = 4;

export const conv2dRowsShader = cached((o: Conv2dRowsOptions): string => {
  const seen = (conv2dRun - 1) * o.stride + o.kernel;
  const y = 3 + Number(o.bias);
  /** What pixel `c` of a run adds to the positions that see it. */
  const feeds = (c: number) =>
    unroll(o.kernel, (dx) => {
      const at = (c - dx) / o.stride;
      if (!Number.isInteger(at) || at < 0 || at >= conv2dRun) return '';
      return `sum${at} += vec4f(${unroll(4, (j) => `dot(a, w${dx}_${j})`, ', ')});`;
    });
  return wgsl`
struct Params {
  height: u32,      // of y
  width: u32,
  columns: u32,     // Cout
  channels: u32,    // Cin
  top: i32,         // row of x that the filter sees first, and column: −1 where zeros stand above and to the left
  left: i32,
  x_height: u32,    // as the filter sees it
  x_width: u32,
  shift: u32,       // 1 where the filter sees every pixel of x twice in both directions
  residual: u32,    // 0 where nothing is added; the binding is then not read
}
${declareTensor(0, 'weight', o.weight)}
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> residual: array<f32>;
#if ${o.bias}
@group(0) @binding(3) var<storage, read> bias: array<f32>;
#endif
@group(0) @binding(${y}) var<storage, read_write> y: array<f32>;
@group(0) @binding(${y + (o.prologue ? 2 : 1)}) var<uniform> params: Params;
${declareNormalise(y + 1, o.prologue)}
${entry(64)} {
  let tiles = (params.columns + ${conv2dRowsColumns * o.lanes - 1}u) / ${conv2dRowsColumns * o.lanes}u;
  let breadth = (params.width + ${conv2dRun - 1}u) / ${conv2dRun}u;
  let index = ${groupIndex};
  let run = index / tiles * ${64 / o.lanes}u + lane / ${o.lanes}u;
  let column = (index % tiles * ${o.lanes}u + lane % ${o.lanes}u) * ${conv2dRowsColumns}u;
  let top = run / breadth;
  let left = run % breadth * ${conv2dRun}u;
  if (top >= params.height || column >= params.columns) { return; }
  let units = params.channels / 4u;
  let start = left * ${o.stride}u + u32(params.left);   // left of x it wraps to numbers beyond it
  ${unroll(4, (j) => `let filter${j} = min(column + ${j}u, params.columns - 1u) * ${o.kernel ** 2}u * units;`)}
  ${unroll(seen, (c) => `let at${c} = (start + ${c}u) >> params.shift; let inside${c} = select(0u, 0xffffffffu, start + ${c}u < params.x_width);`)}
  ${unroll(conv2dRun, (i) => `var sum${i} = vec4f();`)}
  for (var dy = 0u; dy < ${o.kernel}u; dy++) {
    let row = top * ${o.stride}u + dy + u32(params.top);
    if (row >= params.x_height) { continue; }
    let pixels = (row >> params.shift) * (params.x_width >> params.shift);
    for (var k = 0u; k < units; k++) {
      let tap = dy * ${o.kernel}u * units + k;
      let n = norm_at(k);
      ${unroll(o.kernel, (dx) => unroll(4, (j) => `let w${dx}_${j} = weight_at4(filter${j} + tap + ${dx}u * units);`))}
      ${unroll(seen, (c) => `{ let a = bitcast<vec4f>(bitcast<vec4u>(normalise(x[(pixels + at${c}) * units + k], n)) & vec4u(inside${c})); ${feeds(c)} }`)}
    }
  }
  var sums = array<vec4f, ${conv2dRun}>(${unroll(conv2dRun, (i) => `sum${i}`, ', ')});
  for (var i = left; i < min(left + ${conv2dRun}u, params.width); i++) {
    for (var j = column; j < min(column + 4u, params.columns); j++) {
      let to = (top * params.width + i) * params.columns + j;
      var value = sums[i - left][j - column];
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
