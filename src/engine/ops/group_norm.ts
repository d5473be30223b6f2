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
import {
  type Dispatch,
  type Limits,
  type Lowering,
  type Op,
  type Operand,
  call,
  checkContiguous,
  checkEps,
  checkShape,
} from '../op.ts';
import { oversize, stretches } from '../split.ts';
import { type Tensor, rows, width, windowed } from '../tensor.ts';
import { checkFloats } from './check_floats.ts';
import { pictureShape } from './picture.ts';

export interface GroupNormAttrs {
  readonly groups: number;
  readonly eps: number;
  readonly activation: Activation;
}

const groupNormOp: Op<GroupNormAttrs> = {
  name: 'group_norm',
  flops: ({ output }) => mul(8, ...output.shape),
  lower({ inputs, attrs, output }, context): Dispatch[] {
    const { dispatches, norm } = groupNormStatistics(inputs as GroupNormInputs, attrs, context);
    return [...dispatches, ...groupNormApply(inputs.x, norm, output, attrs, context)];
  },
  absorb(node, next) {
    if (next.op.name !== 'silu' || node.attrs.activation !== 'none') return undefined;
    const attrs: GroupNormAttrs = { ...node.attrs, activation: 'silu' };
    return { op: groupNormOp as Op, inputs: node.inputs, attrs };
  },
};

/** x (H, W, C), weight and bias (C). */
type GroupNormInputs = Readonly<Record<'x' | 'weight' | 'bias', Tensor>>;

/** What `groupNormApply`, or a convolution's prologue, normalises with: a table (3, C) of means, scales and shifts, and the dispatches that make it. */
export function groupNormStatistics(
  { x, weight, bias }: GroupNormInputs,
  { groups, eps }: GroupNormAttrs,
  context: Lowering,
): { readonly dispatches: Dispatch[]; readonly norm: Tensor } {
  const [height, breadth, channels] = pictureShape('group_norm', 'x', x);
  const positions = height * breadth;
  const chunk = groupNormChunk(positions);
  const chunks = Math.ceil(positions / chunk);
  const per = channels % (4 * groups) === 0 ? 4 : 1;
  const partial = context.scratch('group_norm.partial', [chunks, channels / per, 2]);
  const norm = context.scratch('group_norm.norm', [3, channels]);
  const vector = (tensor: Tensor): Operand => ({ weight: context.weight(tensor, { dtype: 'f32' }), part: 0 });
  const dispatches = [
    ...splitPositions(x, context.limits).map(({ start, count }): Dispatch => {
      const results = (n: number) => Math.ceil(n / chunk) * (channels / per);
      return {
        label: 'group_norm.partial',
        shader: groupNormPartialShader({ vector: per === 4 }),
        bind: {
          x: { tensor: part(x, start, count) },
          partial: { tensor: part(partial, results(start), results(count)) },
        },
        params: { positions: count, channels, chunk },
        groups: Math.ceil(results(count) / 64),
      };
    }),
    {
      label: 'group_norm.combine',
      shader: groupNormCombineShader({ per }),
      bind: { partial: { tensor: partial }, weight: vector(weight), bias: vector(bias), norm: { tensor: norm } },
      params: { positions, channels, groups, chunk, chunks, eps },
      groups,
    },
  ];
  return { dispatches, norm };
}

/** x normalised by the table `norm`, and activated. */
export function groupNormApply(
  x: Tensor,
  norm: Tensor,
  output: Tensor,
  { activation }: GroupNormAttrs,
  { limits }: Lowering,
): Dispatch[] {
  const channels = width(x);
  const vector = channels % 4 === 0;
  return splitPositions(x, limits).map(({ start, count }) => ({
    label: 'group_norm.apply',
    shader: groupNormApplyShader({ activation, vector }),
    bind: {
      x: { tensor: part(x, start, count) },
      norm: { tensor: norm },
      y: { tensor: part(output, start, count) },
    },
    params: { positions: count, channels },
    groups: Math.ceil((Math.ceil(count / groupNormRun) * (channels / (vector ? 4 : 1))) / 64),
  }));
}

/** Stretches of whole chunks of the positions of a picture; one where it fits a binding. */
function splitPositions(x: Tensor, limits: Limits): { start: number; count: number }[] {
  const positions = maximum(rows(x));
  const chunk = groupNormChunk(positions);
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
