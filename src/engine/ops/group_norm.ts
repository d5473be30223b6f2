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
import { isCount, maximum, mul } from '../extent.ts';
import { type Dispatch, type Limits, type Op, call, checkContiguous, checkEps, checkShape } from '../op.ts';
import { oversize, stretches } from '../split.ts';
import { type Tensor, rows, width, windowed } from '../tensor.ts';
import { checkFloats } from './check_floats.ts';
import { pictureShape } from './picture.ts';

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
    const cut = splitPositions(x, chunk, context.limits);
    return [
      ...cut.map(({ start, count }) => ({
        label: 'group_norm.partial',
        shader: groupNormPartialShader({ vector: per === 4 }),
        bind: {
          x: { tensor: part(x, start, count) },
          partial: {
            tensor: part(partial, (start / chunk) * (channels / per), Math.ceil(count / chunk) * (channels / per)),
          },
        },
        params: { positions: count, channels, chunk },
        groups: Math.ceil((Math.ceil(count / chunk) * (channels / per)) / 64),
      })),
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
      ...cut.map(({ start, count }) => ({
        label: 'group_norm.apply',
        shader: groupNormApplyShader({ activation, vector }),
        bind: {
          x: { tensor: part(x, start, count) },
          mean: { tensor: mean },
          scale: { tensor: scale },
          bias: { weight: context.weight(inputs.bias, { dtype: 'f32' }), part: 0 },
          y: { tensor: part(output, start, count) },
        },
        params: { positions: count, channels },
        groups: Math.ceil((Math.ceil(count / groupNormRun) * (channels / (vector ? 4 : 1))) / 64),
      })),
    ];
  },
  absorb(node, next) {
    if (next.op.name !== 'silu' || node.attrs.activation !== 'none') return undefined;
    const attrs: GroupNormAttrs = { ...node.attrs, activation: 'silu' };
    return { op: groupNormOp as Op, inputs: node.inputs, attrs };
  },
};

/** Stretches of whole chunks of the positions of a picture; one where it fits a binding. */
function splitPositions(x: Tensor, chunk: number, limits: Limits): { start: number; count: number }[] {
  const positions = maximum(rows(x));
  // 64 chunks: so many that their partial results begin where a window may, whatever the channels
  const grain = 64 * chunk;
  const cut = oversize(x, limits) && stretches(Math.ceil(positions / grain), [[x, grain * width(x)]], limits);
  if (!cut) return [{ start: 0, count: positions }];
  return cut.map(({ start, count }) => {
    const first = start * grain;
    return { start: first, count: Math.min(maximum(count) * grain, positions - first) };
  });
}

/** Rows of x through a window; x itself where that is all of it. */
function part(x: Tensor, start: number, count: number): Tensor {
  return count === rows(x) ? x : windowed(x, start, [count, width(x)]);
}

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
  checkEps('group_norm', eps);
  return call(groupNormOp, { x, weight, bias }, { groups, eps, activation: 'none' }, { shape: x.shape });
}
