/** conv2d(x, weight, bias?, { stride, pad }): a 3×3 or 1×1 convolution of one picture, with residual, upsampling and GroupNorm taken over by fusion. */
import { GraphError } from '../errors.ts';
import { mul, sameDim, shapeText } from '../extent.ts';
import { type Op, call, checkContiguous, checkShape } from '../op.ts';
import { type Tensor, isContiguous, rows, width } from '../tensor.ts';
import { checkFloats } from './check_floats.ts';
import { type Conv2dAttrs, type Padding, leadingZeros } from './conv2d_attrs.ts';
import { lowerConvolution } from './conv2d_forms.ts';
import { lowerNormed } from './conv2d_norm.ts';
import { splitPicture } from './conv2d_split.ts';
import type { GroupNormAttrs } from './group_norm.ts';
import { pictureShape } from './picture.ts';

export type { Padding } from './conv2d_attrs.ts';

const conv2dOp: Op<Conv2dAttrs> = {
  name: 'conv2d',
  flops: ({ inputs, attrs, output }) => mul(2 * attrs.kernel ** 2, rows(output), width(output), width(inputs.x)),
  split: (node, limits) => (node.attrs.norm ? [node] : splitPicture(node, limits)),
  lower: (node, context) => (node.attrs.norm ? lowerNormed(node, context) : lowerConvolution(node, context)),
  absorb(node, next) {
    if (next.op.name !== 'add' || node.inputs.residual) return undefined;
    const residual = next.inputs.a === node.output ? next.inputs.b : next.inputs.a;
    if (residual === node.output || !isContiguous(residual) || !sameShape(residual, node.output)) return undefined;
    return { op: conv2dOp as Op, inputs: { ...node.inputs, residual }, attrs: node.attrs };
  },
  absorbInput(node, name, before) {
    if (name !== 'x' || node.attrs.norm || node.attrs.upsampled) return undefined;
    const { x, weight, bias } = before.inputs;
    if (before.op.name === 'upsample')
      return { op: conv2dOp as Op, inputs: { ...node.inputs, x }, attrs: { ...node.attrs, upsampled: true } };
    if (before.op.name === 'group_norm' && width(x) % 4 === 0)
      return {
        op: conv2dOp as Op,
        inputs: { ...node.inputs, x, norm_weight: weight, norm_bias: bias },
        attrs: { ...node.attrs, norm: before.attrs as GroupNormAttrs },
      };
    return undefined;
  },
};

function sameShape(a: Tensor, b: Tensor): boolean {
  return a.shape.length === b.shape.length && a.shape.every((d, i) => sameDim(d, b.shape[i]));
}

export interface Conv2dCall {
  readonly stride?: 1 | 2;
  /** 'same' without for a 3×3 filter, 'none' for 1×1. */
  readonly pad?: Padding;
}

/**
 * x (H, W, Cin), weight (Cout, Cin, k, k) with k = 1 or 3, bias (Cout) → (H', W', Cout), H' = ⌊(H + zeros − k)/stride⌋ + 1.
 * Errors: GraphError when shapes do not fit or the filter is larger than what it slides over.
 */
export function conv2d(x: Tensor, weight: Tensor, bias?: Tensor, options: Conv2dCall = {}): Tensor {
  checkFloats('conv2d', { x, weight, bias });
  const [height, breadth, channels] = pictureShape('conv2d', x.name, x);
  checkContiguous('conv2d', x.name, x);
  const [columns, , kernel] = weight.shape as readonly number[];
  if (kernel !== 1 && kernel !== 3)
    throw new GraphError(
      `[conv2d] weight must be [Cout, ${channels}, k, k] with k = 1 or 3 but got ${shapeText(weight.shape)} (${weight.name})`,
    );
  checkShape('conv2d', `weight ${weight.name}`, weight, [columns, channels, kernel, kernel]);
  if (bias) checkShape('conv2d', `bias ${bias.name}`, bias, [columns]);
  const { stride = 1, pad: padding = kernel === 3 ? 'same' : 'none' } = options;
  if ((stride !== 1 && stride !== 2) || !['same', 'corner', 'none'].includes(padding))
    throw new GraphError(
      `[conv2d] stride must be 1 or 2 and pad 'same', 'corner' or 'none' but they are ${String(stride)} and '${String(padding)}'`,
    );
  const zeros = { same: 2, corner: 1, none: 0 }[padding];
  const [y, z] = [height, breadth].map((n) => Math.floor((n + zeros - kernel) / stride) + 1);
  if (y < 1 || z < 1)
    throw new GraphError(
      `[conv2d] ${x.name} ${shapeText(x.shape)} must hold the ${kernel}×${kernel} filter of ${weight.name} with padding '${padding}'`,
    );
  const attrs: Conv2dAttrs = { kernel, stride, padding, upsampled: false, top: leadingZeros(padding) };
  return call(conv2dOp, { x, weight, bias }, attrs, { shape: [y, z, columns] });
}
