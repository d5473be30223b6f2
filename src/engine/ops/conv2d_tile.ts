/** The lowering of a convolution to tiles in workgroup memory, where Cin may be split among workgroups. */
import type { Conv2dOptions } from '../../../shaders/conv2d.ts';
import { conv2dSumLanes, conv2dSumShader, conv2dTileShader } from '../../../shaders/conv2d_tile.ts';
import { ceilDiv, mul } from '../extent.ts';
import type { Dispatch, Lowering, Operand } from '../op.ts';
import { rows, width } from '../tensor.ts';
import { type Conv2dNode, leadingZeros } from './conv2d_attrs.ts';
import { pictureShape } from './picture.ts';

/** Positions and channels of a workgroup, and the parts of Cin. */
export const CONV2D_TILES = {
  tile_64: { side: 64, parts: 1 },
  tile_32: { side: 32, parts: 1 },
  tile_64_parts_4: { side: 64, parts: 4 },
  tile_32_parts_4: { side: 32, parts: 4 },
  tile_64_parts_8: { side: 64, parts: 8 },
} as const;
export type Conv2dTileName = keyof typeof CONV2D_TILES;

export function lowerTiles({ inputs, attrs, output }: Conv2dNode, context: Lowering, name: Conv2dTileName): Dispatch[] {
  const { side, parts } = CONV2D_TILES[name];
  const { x, residual, norm } = inputs;
  const weight = context.weight(inputs.weight, { layout: 'ohwi' });
  const bias = inputs.bias && context.weight(inputs.bias, { dtype: 'f32' });
  const [height, breadth, channels] = pictureShape('conv2d', 'x', x);
  const [positions, columns] = [rows(output), width(output)];
  const seen = attrs.upsampled ? 2 : 1;
  const own: Operand = { weight, part: 0 };
  const added = {
    residual: residual ? { tensor: residual } : own,
    bias: bias ? { weight: bias, part: 0 } : own,
  };
  const adds = { has_bias: bias ? 1 : 0, has_residual: residual ? 1 : 0 };
  const sums = parts > 1 ? context.scratch('conv2d.parts', [parts, positions, columns]) : undefined;
  const product: Dispatch = {
    label: 'conv2d_tile',
    shader: conv2dTileShader({
      weight: weight.dtype as Conv2dOptions['weight'],
      side,
      prologue: attrs.norm?.activation,
    }),
    bind: {
      weight: own,
      x: { tensor: x },
      ...(sums ? { residual: own, bias: own } : added),
      y: { tensor: sums ?? output },
      ...(norm && { norm: { tensor: norm } }),
    },
    params: {
      positions,
      width: output.shape[1],
      columns,
      channels,
      kernel: attrs.kernel,
      stride: attrs.stride,
      top: attrs.top,
      left: leadingZeros(attrs.padding),
      x_height: seen * height,
      x_width: seen * breadth,
      shift: seen - 1,
      parts,
      ...(sums ? { has_bias: 0, has_residual: 0 } : adds),
    },
    groups: mul(parts, ceilDiv(positions, side), ceilDiv(columns, side)),
  };
  if (!sums) return [product];
  const elements = mul(positions, columns);
  const sum: Dispatch = {
    label: 'conv2d_sum',
    shader: conv2dSumShader({}),
    bind: { x: { tensor: sums }, ...added, y: { tensor: output } },
    params: { elements, columns, parts, ...adds },
    groups: ceilDiv(elements, conv2dSumLanes),
  };
  return [product, sum];
}
