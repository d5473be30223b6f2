/** groupNorm(x, weight, bias, { groups, eps }): a picture normalised over all positions and each group of channels; takes over a silu. */
import type { Activation } from '../../../shaders/activation.ts';
import {
  groupNormApplyShader,
  groupNormChunk,
  groupNormCombineShader,
  groupNormPartialShader,
  groupNormRun,
} from '../../../shaders/group_norm.ts';
import { GraphError } from '../errors.ts';
import { isCount, mul } from '../extent.ts';
import { type Dispatch, type Op, call, checkContiguous, checkShape } from '../op.ts';
import type { Tensor } from '../tensor.ts';
import { checkFloats } from './check_floats.ts';
import { pictureShape } from './conv2d.ts';

interface GroupNormAttrs {
  readonly groups: number;
  readonly eps: number;
  readonly activation: Activation;
}

const groupNormOp: Op<GroupNormAttrs> = {
  name: 'group_norm',
  flops: ({ output }) => mul(8, ...output.shape),
  lower({ inputs, attrs: { groups, eps, activation }, output }, context): Dispatch[] {
    const { x } = inputs;
    const [height, breadth, channels] = pictureShape('group_norm', 'x', x);
    const positions = height * breadth;
    const chunk = groupNormChunk(positions);
    const chunks = Math.ceil(positions / chunk);
    const vector = channels % 4 === 0;
    const per = channels % (4 * groups) === 0 ? 4 : 1;
    const [partial, mean, scale] = [
      context.scratch('group_norm.partial', [chunks, channels / per, 2]),
      context.scratch('group_norm.mean', [channels]),
      context.scratch('group_norm.scale', [channels]),
    ];
    return [
      {
        label: 'group_norm.partial',
        shader: groupNormPartialShader({ vector: per === 4 }),
        bind: { x: { tensor: x }, partial: { tensor: partial } },
        params: { positions, channels, chunk },
        groups: Math.ceil((chunks * (channels / per)) / 64),
      },
      {
        label: 'group_norm.combine',
        shader: groupNormCombineShader({ per }),
        bind: {
          partial: { tensor: partial },
          weight: { weight: context.weight(inputs.weight, { dtype: 'f32' }), part: 0 },
          mean: { tensor: mean },
          scale: { tensor: scale },
        },
        params: { positions, channels, groups, chunk, chunks, eps },
        groups,
      },
      {
        label: 'group_norm.apply',
        shader: groupNormApplyShader({ activation, vector }),
        bind: {
          x: { tensor: x },
          mean: { tensor: mean },
          scale: { tensor: scale },
          bias: { weight: context.weight(inputs.bias, { dtype: 'f32' }), part: 0 },
          y: { tensor: output },
        },
        params: { positions, channels },
        groups: Math.ceil((Math.ceil(positions / groupNormRun) * (channels / (vector ? 4 : 1))) / 64),
      },
    ];
  },
  absorb(node, next) {
    if (next.op.name !== 'silu' || node.attrs.activation !== 'none') return undefined;
    const attrs: GroupNormAttrs = { ...node.attrs, activation: 'silu' };
    return { op: groupNormOp as Op, inputs: node.inputs, attrs };
  },
};

export interface GroupNormOptions {
  readonly groups: number;
  readonly eps: number;
}

/** (x − mean)/sqrt(var + eps)·weight + bias, biased variance over positions and each group of channels. x (H, W, C), weight, bias (C) → (H, W, C). */
export function groupNorm(x: Tensor, weight: Tensor, bias: Tensor, { groups, eps }: GroupNormOptions): Tensor {
  checkFloats('group_norm', { x, weight, bias });
  const [, , channels] = pictureShape('group_norm', x.name, x);
  checkContiguous('group_norm', x.name, x);
  if (!isCount(groups) || channels % groups !== 0)
    throw new GraphError(`[group_norm] groups must divide the ${channels} channels of ${x.name} but is ${groups}`);
  checkShape('group_norm', `weight ${weight.name}`, weight, [channels]);
  checkShape('group_norm', `bias ${bias.name}`, bias, [channels]);
  return call(groupNormOp, { x, weight, bias }, { groups, eps, activation: 'none' }, { shape: x.shape });
}
