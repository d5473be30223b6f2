/**
 * conv2d by Winograd's F(2×2, 3×3) for subgroups of eight lanes: y = x ∗ W + bias (+ residual), 3×3, stride 1.   x (H, W, Cin), y (positions, Cout).
 *
 * Every 2×2 outputs are a tile. `input` makes the 16 values Bᵀ·d·B of the 4×4 pixels under a tile; `product` multiplies each of them by its own
 * matrix (Cin, Cout) of transformed weights G·g·Gᵀ, as `linear_subgroup` does; `output` makes Aᵀ·m·A of the 16 products. 16 multiplications stand for
 * 36. The tiles of a picture are computed in bands of tile rows, so that the values of a band stay small; a tile's bits do not depend on its band.
 * (Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2015.)
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { cached, entry, flatTexel, groupIndex, unroll } from './common.ts';
import { columnWeights, subgroupColumns, subgroupLanes } from './linear_subgroup.ts';
import { type Prologue, declareNormalise } from './normalise.ts';

/** Values of a tile. */
export const winogradPlanes = 16;
/** Tiles of a workgroup of `product`. */
export const winogradRun = 32;
/** Invocations of a workgroup of `input` and `output`, each a vec4 of a tile. */
export const winogradLanes = 64;

export interface WinogradInputOptions {
  readonly prologue?: Prologue;
}

export const winogradInputShader = cached(({ prologue }: WinogradInputOptions): string => {
  return wgsl`
struct Params {
  tiles: u32,       // of the band
  breadth: u32,     // tiles of a row
  channels: u32,
  top: i32,         // row of x that the filter of the first tile sees first, and column: −1 where zeros stand above and to the left
  left: i32,
  x_height: u32,    // as the filter sees it
  x_width: u32,
  shift: u32,       // 1 where the filter sees every pixel of x twice in both directions
}
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> values: array<vec4f>;   // (16, tiles, Cin)
@group(0) @binding(${prologue ? 3 : 2}) var<uniform> params: Params;
${declareNormalise(2, prologue)}
${entry(winogradLanes)} {
  let index = (${groupIndex}) * ${winogradLanes}u + lane;
  let units = params.channels / 4u;
  let tile = index / units;
  if (tile >= params.tiles) { return; }
  let row = tile / params.breadth * 2u + u32(params.top);   // above and to the left of x they wrap to numbers beyond it
  let column = tile % params.breadth * 2u + u32(params.left);
  let n = norm_at(index % units);
  ${unroll(4, (r) => unroll(4, (c) => `let d${r}${c} = pixel(row + ${r}u, column + ${c}u, index % units, n);`))}
  ${unroll(4, (c) => `let e0${c} = d0${c} - d2${c}; let e1${c} = d1${c} + d2${c}; let e2${c} = d2${c} - d1${c}; let e3${c} = d1${c} - d3${c};`)}
  let plane = params.tiles * units;
  ${unroll(
    4,
    (
      r,
    ) => `values[index + ${4 * r}u * plane] = e${r}0 - e${r}2; values[index + ${4 * r + 1}u * plane] = e${r}1 + e${r}2;
  values[index + ${4 * r + 2}u * plane] = e${r}2 - e${r}1; values[index + ${4 * r + 3}u * plane] = e${r}1 - e${r}3;`,
  )}
}

fn pixel(row: u32, column: u32, unit: u32, n: ${prologue ? 'Norm' : 'u32'}) -> vec4f {
  if (row >= params.x_height || column >= params.x_width) { return vec4f(); }
  let at = (row >> params.shift) * (params.x_width >> params.shift) + (column >> params.shift);
  return normalise(x[at * (params.channels / 4u) + unit], n);
}
`;
});

export const winogradProductShader = cached((_: object): string => {
  return wgsl`
enable subgroups;
struct Params {
  tiles: u32,
  columns: u32,    // Cout
  channels: u32,   // Cin
}
@group(0) @binding(0) var<storage, read> weight: array<vec4f>;   // blocks of 32 channels of y: (16, Cin, 32)
@group(0) @binding(1) var values: texture_2d<f32>;
@group(0) @binding(2) var<storage, read_write> products: array<vec4f>;   // (16, tiles, Cout)
@group(0) @binding(3) var<uniform> params: Params;
@compute @workgroup_size(${subgroupLanes})
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) count: vec3u,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let runs = (params.tiles + ${winogradRun - 1}u) / ${winogradRun}u;
  let index = ${groupIndex};
  let tile = index % runs * ${winogradRun}u;
  let plane = index / runs % ${winogradPlanes}u;
  let block = index / runs / ${winogradPlanes}u;
  if (block * ${subgroupColumns}u >= params.columns) { return; }
  let units = params.channels / 4u;
  let first = (plane * params.tiles + tile) * units + lane;
  var at = (block * ${winogradPlanes}u + plane) * units * 32u + lane;
  ${unroll(winogradRun, (r) => `var sum${r} = vec4f();`)}
  for (var unit = 0u; unit < units; unit += 8u) {
    ${unroll(winogradRun, (r) => `let x${r} = textureLoad(values, ${flatTexel(`first + ${r}u * units + unit`)}, 0);`)}
    for (var j = 0u; j < 8u; j++) {
      ${columnWeights('f32')}
      ${unroll(winogradRun, (r) => unroll(4, (i) => `sum${r} = fma(vec4f(subgroupShuffle(x${r}[${i}], j)), w${i}, sum${r});`))}
    }
  }
  let column = block * ${subgroupColumns}u + lane * 4u;
  if (column >= params.columns) { return; }
  for (var r = tile; r < min(tile + ${winogradRun}u, params.tiles); r++) {
    var value = sum0;
    switch r - tile {
      ${unroll(winogradRun - 1, (i) => `case ${i + 1}u: { value = sum${i + 1}; }`)}
      default: {}
    }
    products[((plane * params.tiles + r) * params.columns + column) / 4u] = value;
  }
}
`;
});

export const winogradOutputShader = cached((_: object): string => {
  return wgsl`
struct Params {
  tiles: u32,       // of the band
  breadth: u32,     // tiles of a row
  first: u32,       // row of y of the first tile
  height: u32,      // of y
  width: u32,
  columns: u32,     // Cout
  has_bias: u32,
  has_residual: u32,
}
@group(0) @binding(0) var<storage, read> products: array<vec4f>;   // (16, tiles, Cout)
@group(0) @binding(1) var<storage, read> bias: array<vec4f>;       // something else where there is none
@group(0) @binding(2) var<storage, read> residual: array<vec4f>;   // likewise
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(4) var<uniform> params: Params;
${entry(winogradLanes)} {
  let index = (${groupIndex}) * ${winogradLanes}u + lane;
  let units = params.columns / 4u;
  let tile = index / units;
  if (tile >= params.tiles) { return; }
  let plane = params.tiles * units;
  ${unroll(
    4,
    (c) => `let m0${c} = products[index + ${c}u * plane]; let m1${c} = products[index + ${4 + c}u * plane];
  let m2${c} = products[index + ${8 + c}u * plane]; let m3${c} = products[index + ${12 + c}u * plane];
  let a0${c} = m0${c} + m1${c} + m2${c}; let a1${c} = m1${c} - m2${c} - m3${c};`,
  )}
  var sums = array<vec4f, 4>(a00 + a01 + a02, a01 - a02 - a03, a10 + a11 + a12, a11 - a12 - a13);
  let row = params.first + tile / params.breadth * 2u;
  let column = tile % params.breadth * 2u;
  for (var r = row; r < min(row + 2u, params.height); r++) {
    for (var c = column; c < min(column + 2u, params.width); c++) {
      let to = (r * params.width + c) * units + index % units;
      var value = sums[(r - row) * 2u + c - column];
      if (params.has_bias == 1u) { value += bias[index % units]; }
      if (params.has_residual == 1u) { value += residual[to]; }
      y[to] = value;
    }
  }
}
`;
});
