/**
 * conv2d for subgroups of eight lanes: y = x ∗ W + bias (+ residual).   x (H, W, Cin) as a flat image, W (k, k, Cin) × Cout in blocks of columns, y
 * (positions, Cout).
 *
 * One subgroup, which is the whole workgroup, computes 4 × 8 positions × 32 channels; each lane owns four neighbouring channels. For each row of the
 * filter, 32 channels of the ten pixels under a row of positions lie across the lanes after ten textureLoads; a shuffle hands each value to all,
 * as in `linear_subgroup`. The columns of the filter take turns with one text: after each, the pixels move up by one; with a stride of 2 each turn loads
 * its own eight. Pixels in the border are zeros.
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { type Storage, cached, flatTexel, groupIndex, unroll } from './common.ts';
import { columnWeights, subgroupColumns, subgroupLanes } from './linear_subgroup.ts';
import { type Prologue, declareNormalise } from './normalise.ts';

export interface Conv2dSubgroupOptions {
  readonly weight: Storage;
  readonly stride: 1 | 2;
  readonly prologue?: Prologue;
}

/** Cin must be a multiple, and Cout one of 4. */
export const conv2dSubgroupDepth = 32;

/** Positions of a workgroup. */
export const conv2dSubgroupTile = { height: 4, width: 8 } as const;

export const conv2dSubgroupShader = cached((o: Conv2dSubgroupOptions): string => {
  const { height, width } = conv2dSubgroupTile;
  const pixels = (line: (row: number, column: number) => string, columns: number) =>
    unroll(height, (row) => unroll(columns, (column) => line(row, column)));
  const sum = (row: number, column: number) => `sum${row * width + column}`;
  return wgsl`
enable subgroups;
struct Params {
  height: u32,      // of y
  width: u32,
  columns: u32,     // Cout
  channels: u32,    // Cin
  kernel: u32,      // side of the filter
  top: i32,         // row of x that the filter sees first, and column: −1 where zeros stand above and to the left
  left: i32,
  x_height: u32,    // as the filter sees it
  x_width: u32,
  shift: u32,       // 1 where the filter sees every pixel of x twice in both directions
  has_bias: u32,
  has_residual: u32,
}
@group(0) @binding(0) var<storage, read> weight: array<${o.weight === 'f32' ? 'vec4f' : 'vec4u'}>;
@group(0) @binding(1) var x: texture_2d<f32>;
@group(0) @binding(2) var<storage, read> bias: array<vec4f>;       // something else where there is none
@group(0) @binding(3) var<storage, read> residual: array<vec4f>;   // likewise
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(${o.prologue ? 6 : 5}) var<uniform> params: Params;
${declareNormalise(5, o.prologue)}

/** Four channels of a pixel. Above and to the left of x, row and column wrap to numbers beyond it. */
fn pixel(row: u32, column: u32, unit: u32, n: ${o.prologue ? 'Norm' : 'u32'}) -> vec4f {
  let at = (row >> params.shift) * (params.x_width >> params.shift) + (column >> params.shift);
  let texel = textureLoad(x, ${flatTexel('at * (params.channels / 4u) + unit')}, 0);
  return select(vec4f(), normalise(texel, n), row < params.x_height && column < params.x_width);
}

@compute @workgroup_size(${subgroupLanes})
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) count: vec3u,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let breadth = (params.width + ${width - 1}u) / ${width}u;
  let tiles = breadth * ((params.height + ${height - 1}u) / ${height}u);
  let index = ${groupIndex};
  let block = index / tiles;
  if (block * ${subgroupColumns}u >= params.columns) { return; }
  let top = index % tiles / breadth * ${height}u;
  let left = index % tiles % breadth * ${width}u;
  let units = params.channels / 4u;
  ${pixels((r, c) => `var ${sum(r, c)} = vec4f();`, width)}
  for (var dy = 0u; dy < params.kernel; dy++) {
    let row = top * ${o.stride}u + dy + u32(params.top);
    let column = left * ${o.stride}u + u32(params.left);
    for (var unit = 0u; unit < units; unit += 8u) {
      let n = norm_at(unit + lane);
      #if ${o.stride === 1}
      ${pixels((r, c) => `var x${r}_${c} = pixel(row + ${r}u, column + ${c}u, unit + lane, n);`, width + 2)}
      #endif
      for (var dx = 0u; dx < params.kernel; dx++) {
        #if ${o.stride === 2}
        ${pixels((r, c) => `let x${r}_${c} = pixel(row + ${2 * r}u, column + dx + ${2 * c}u, unit + lane, n);`, width)}
        #endif
        var at = (((block * params.kernel + dy) * params.kernel + dx) * units + unit) * ${o.weight === 'f32' ? 32 : 16}u + lane;
        for (var j = 0u; j < 8u; j++) {
          ${columnWeights(o.weight)}
          ${pixels((r, c) => unroll(4, (i) => `${sum(r, c)} = fma(vec4f(subgroupShuffle(x${r}_${c}[${i}], j)), w${i}, ${sum(r, c)});`), width)}
        }
        #if ${o.stride === 1}
        ${pixels((r, c) => `x${r}_${c} = x${r}_${c + 1};`, width + 1)}
        #endif
      }
    }
  }
  let column = block * ${subgroupColumns}u + lane * 4u;
  if (column >= params.columns) { return; }
  for (var row = top; row < min(top + ${height}u, params.height); row++) {
    for (var at = left; at < min(left + ${width}u, params.width); at++) {
      var value = sum0;
      switch (row - top) * ${width}u + at - left {
        ${unroll(height * width - 1, (i) => `case ${i + 1}u: { value = sum${i + 1}; }`)}
        default: {}
      }
      let to = ((row * params.width + at) * params.columns + column) / 4u;
      if (params.has_bias == 1u) { value += bias[column / 4u]; }
      if (params.has_residual == 1u) { value += residual[to]; }
      y[to] = value;
    }
  }
}
`;
});
