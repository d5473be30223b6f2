/** The lowering of a convolution to the kernel for subgroups of eight lanes. */
import type { Conv2dOptions } from '../../../shaders/conv2d.ts';
import { conv2dSubgroupShader, conv2dSubgroupTile } from '../../../shaders/conv2d_subgroup.ts';
import { subgroupColumns } from '../../../shaders/linear_subgroup.ts';
import { mul } from '../extent.ts';
import type { Dispatch, Lowering, Operand } from '../op.ts';
import { type Conv2dNode, leadingZeros } from './conv2d_attrs.ts';
import { pictureShape } from './picture.ts';

export function lowerSubgroup({ inputs, attrs, output }: Conv2dNode, context: Lowering): Dispatch {
  const { x, residual, norm } = inputs;
  const weight = context.weight(inputs.weight, { layout: 'ohwi_columns' });
  const bias = inputs.bias && context.weight(inputs.bias, { dtype: 'f32' });
  const [xHeight, xWidth, channels] = pictureShape('conv2d', 'x', x);
  const [height, breadth, columns] = pictureShape('conv2d', 'y', output);
  const seen = attrs.upsampled ? 2 : 1;
  const own: Operand = { weight, part: 0 };
  const tiles = [Math.ceil(height / conv2dSubgroupTile.height), Math.ceil(breadth / conv2dSubgroupTile.width)];
  return {
    label: 'conv2d_subgroup',
    shader: conv2dSubgroupShader({
      weight: weight.dtype as Conv2dOptions['weight'],
      stride: attrs.stride,
      prologue: attrs.norm?.activation,
    }),
    bind: {
      weight: own,
      x: { image: x, flat: true },
      bias: bias ? { weight: bias, part: 0 } : own,
      residual: residual ? { tensor: residual } : own,
      y: { tensor: output },
      ...(norm && { norm: { tensor: norm } }),
    },
    params: {
      height,
      width: breadth,
      columns,
      channels,
      kernel: attrs.kernel,
      top: attrs.top,
      left: leadingZeros(attrs.padding),
      x_height: seen * xHeight,
      x_width: seen * xWidth,
      shift: seen - 1,
      has_bias: bias ? 1 : 0,
      has_residual: residual ? 1 : 0,
    },
    groups: mul(...tiles, Math.ceil(columns / subgroupColumns)),
  };
}
