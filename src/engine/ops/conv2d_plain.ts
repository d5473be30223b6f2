/** The lowering of a convolution to the kernels without shuffles. */
import { type Conv2dOptions, conv2dShader, conv2dTile } from '../../../shaders/conv2d.ts';
import { conv2dRowsColumns, conv2dRowsShader, conv2dRun } from '../../../shaders/conv2d_rows.ts';
import { ceilDiv, mul } from '../extent.ts';
import type { Dispatch, Lowering, Operand } from '../op.ts';
import { rows, width } from '../tensor.ts';
import { type Conv2dNode, leadingZeros } from './conv2d_attrs.ts';
import { pictureShape } from './picture.ts';

/** What both kernels without shuffles are given. */
function operands({ inputs, attrs, output }: Conv2dNode, context: Lowering) {
  const { x, residual, norm } = inputs;
  const weight = context.weight(inputs.weight, { layout: 'ohwi' });
  const bias = inputs.bias && context.weight(inputs.bias, { dtype: 'f32' });
  const [height, breadth, channels] = pictureShape('conv2d', 'x', x);
  const seen = attrs.upsampled ? 2 : 1;
  const bind: Record<string, Operand> = {
    weight: { weight, part: 0 },
    x: { tensor: x },
    ...(bias && { bias: { weight: bias, part: 0 } }),
    residual: { tensor: residual ?? x },
    y: { tensor: output },
    ...(norm && { norm: { tensor: norm } }),
  };
  const sizes = { width: output.shape[1], columns: width(output), channels };
  const sight = {
    top: attrs.top,
    left: leadingZeros(attrs.padding),
    x_height: seen * height,
    x_width: seen * breadth,
    shift: seen - 1,
    residual: residual ? 1 : 0,
  };
  return { weight: weight.dtype as Conv2dOptions['weight'], bind, sizes, sight };
}

export function lowerTile(node: Conv2dNode, context: Lowering): Dispatch {
  const { attrs, output, inputs } = node;
  const { weight, bind, sizes, sight } = operands(node, context);
  return {
    label: 'conv2d',
    shader: conv2dShader({ weight, bias: !!inputs.bias, vector: sizes.channels % 4 === 0 }),
    bind,
    params: { positions: rows(output), ...sizes, kernel: attrs.kernel, stride: attrs.stride, ...sight },
    groups: mul(ceilDiv(rows(output), conv2dTile), ceilDiv(width(output), conv2dTile)),
  };
}

export function lowerRows(node: Conv2dNode, context: Lowering): Dispatch {
  const { attrs, output, inputs } = node;
  const { kernel, stride } = attrs;
  const { weight, bind, sizes, sight } = operands(node, context);
  const [height, breadth, columns] = pictureShape('conv2d', 'y', output);
  const lanes = columns <= conv2dRowsColumns ? 1 : 8;
  const runs = height * Math.ceil(breadth / conv2dRun);
  return {
    label: 'conv2d_rows',
    shader: conv2dRowsShader({
      weight,
      bias: !!inputs.bias,
      kernel: kernel as 1 | 3,
      stride,
      lanes,
      prologue: attrs.norm?.activation,
    }),
    bind,
    params: { height, ...sizes, ...sight },
    groups: Math.ceil(runs / (64 / lanes)) * Math.ceil(columns / (conv2dRowsColumns * lanes)),
  };
}
