/**
 * diffusionSampler(x, noise, coefficients, modulation, weights, options): some timesteps of the diffusion head with guidance and update, in one
 * dispatch and in place. `samplerFits` says where that is faster than the head's ops one after the other.
 */
import type { Storage } from '../../../shaders/common.ts';
import { diffusionSamplerShader } from '../../../shaders/diffusion_sampler.ts';
import { subgroupLanes } from '../../../shaders/linear_subgroup.ts';
import { GraphError } from '../errors.ts';
import { type Dim, ceilDiv, divisible, isDim, maximum, mul, sameDim } from '../extent.ts';
import { type Limits, type Op, call, checkContiguous, checkShape } from '../op.ts';
import { type Tensor, isAligned, placement, root, rows as rowsOf, width } from '../tensor.ts';
import { checkFloats } from './check_floats.ts';

/** A matrix (N, K) and its bias (N). */
export interface Dense {
  readonly weight: Tensor;
  readonly bias: Tensor;
}

export interface SamplerWeights {
  /** (W, C). */
  readonly input: Dense;
  /** Of each block the norm (W) and both products (W, W). */
  readonly blocks: readonly { readonly norm: Dense; readonly up: Dense; readonly down: Dense }[];
  /** (2C, W). */
  readonly output: Dense;
}

export interface SamplerOptions {
  readonly eps: number;
  /** First row of noise and coefficients, and how many timesteps. */
  readonly step: Dim;
  readonly steps: Dim;
  /** 2 with guidance: conditional rows, then unconditional ones. */
  readonly branches: 1 | 2;
  /** Rows of one branch, R. */
  readonly rows: Dim;
}

interface Attrs extends SamplerOptions {
  /** In the order in which the kernel finds them. */
  readonly matrices: readonly string[];
  readonly vectors: readonly string[];
}

const diffusionSamplerOp: Op<Attrs> = {
  name: 'diffusion_sampler',
  mutates: ['x'],
  aliases: 'x',
  flops: ({ inputs, attrs: { matrices, steps, branches, rows } }) =>
    mul(2 * matrices.reduce((sum, name) => sum + size(inputs[name]), 0), steps, branches, rows),
  lower({ inputs, attrs }, context) {
    const { x, noise, coefficients, modulation } = inputs;
    const { branches, rows, step, steps, eps } = attrs;
    const [W, C] = [inputs[attrs.matrices[0]].shape[0] as number, width(x)];
    const weight = context.weight(
      attrs.matrices.map((name) => inputs[name]),
      { layout: 'columns', image: true },
    );
    const vectors = context.weight(
      attrs.vectors.map((name) => inputs[name]),
      { dtype: 'f32', image: true },
    );
    const own = workgroupRows(context.limits, W);
    const { offset, stride } = placement(modulation);
    // rows of an image are copied in steps of 256 bytes
    const image =
      divisible(offset, 4) &&
      divisible(stride, 64) &&
      Math.max(maximum(rowsOf(modulation)), width(modulation) / 4) <= context.limits.maxTextureDimension2D;
    return [
      {
        label: 'diffusion_sampler',
        shader: diffusionSamplerShader({
          weight: weight.dtype as Storage,
          lanes: lanesFor(context.limits.subgroupSize, W, C),
          rows: own,
          guided: branches === 2,
          width: W,
          channels: C,
          image,
        }),
        bind: {
          weight: { weight, part: 0 },
          vectors: { weight: vectors, part: 0 },
          modulation: image ? { image: modulation } : { tensor: modulation },
          noise: { tensor: noise },
          coefficients: { tensor: coefficients },
          x: { tensor: x },
        },
        params: { rows, steps, step, blocks: attrs.matrices.length / 2 - 1, eps, modulation_offset: offset },
        groups: ceilDiv(mul(branches, rows), own),
      },
    ];
  },
};

const size = ({ shape }: Tensor): number => (shape[0] as number) * (shape[1] as number);

/** Rows of a workgroup, an even number: three rows of W floats each must fit its memory. */
function workgroupRows({ maxComputeWorkgroupStorageSize }: Limits, W: number): number {
  return Math.min(6, 2 * Math.floor(maxComputeWorkgroupStorageSize / (24 * W)));
}

/** As many lanes as the device's subgroups have, where the kernel has a form for them. */
function lanesFor(subgroupSize = 1, W: number, C: number): number {
  const fits = W % (4 * subgroupSize) === 0 && ((C / 4) % subgroupSize === 0 || C / 2 <= subgroupSize);
  return fits ? subgroupSize : 1;
}

/** Widest head for which every workgroup may read all weights at every timestep: they must lie in a cache. */
const MAX_WIDTH = 512;

/**
 * Whether a head of width W with tokens of C channels is sampled faster by this op than by its ops one after the other: subgroups of eight lanes,
 * which are software adapters, and a small W. It must not follow the rows of a pass, whose results would depend on them.
 */
export function samplerFits(limits: Limits, { W, C }: { W: number; C: number }): boolean {
  const { subgroupSize } = limits;
  return (
    subgroupSize === subgroupLanes &&
    W % 32 === 0 &&
    W <= MAX_WIDTH &&
    C % 4 === 0 &&
    lanesFor(subgroupSize, W, C) === subgroupSize &&
    workgroupRows(limits, W) >= 2
  );
}

/**
 * Takes the state x (branches·R, C) through `steps` timesteps. noise (S, R, C); coefficients (S, 8) as in `diffusionUpdate`; modulation (steps·branches·R,
 * (3·blocks + 2)·W) of these timesteps: shift, scale and gate of each block, then shift and scale of the output. W must be a multiple of 32, C of 4.
 * Returns x as it is afterwards.
 */
export function diffusionSampler(
  x: Tensor,
  noise: Tensor,
  coefficients: Tensor,
  modulation: Tensor,
  weights: SamplerWeights,
  options: SamplerOptions,
): Tensor {
  const { input, blocks, output } = weights;
  const { branches, rows, step, steps } = options;
  const products = [input, ...blocks.flatMap(({ up, down }) => [up, down]), output];
  const vectors = [
    input.bias,
    ...blocks.flatMap((b) => [b.up.bias, b.down.bias, b.norm.weight, b.norm.bias]),
    output.bias,
  ];
  const numbered = (name: string, list: readonly Tensor[]) =>
    Object.fromEntries(list.map((tensor, i) => [`${name}.${i}`, tensor]));
  const matrices = numbered(
    'matrix',
    products.map(({ weight }) => weight),
  );
  const rest = numbered('vector', vectors);
  checkFloats('diffusion_sampler', { x, noise, coefficients, modulation, ...matrices, ...rest });
  const [W, C] = [input.weight.shape[0] as number, width(x)];
  if ((branches !== 1 && branches !== 2) || ![rows, step, steps].every(isDim))
    throw new GraphError(
      `[diffusion_sampler] branches must be 1 or 2, rows, step and steps whole numbers from 0 or extents, but they are ${String(branches)}, ${String(rows)}, ${String(step)} and ${String(steps)}`,
    );
  if (W % 32 !== 0 || C % 4 !== 0)
    throw new GraphError(`[diffusion_sampler] W must be a multiple of 32 and C of 4 but they are ${W} and ${C}`);
  if (root(x).role !== 'state')
    throw new GraphError(`[diffusion_sampler] x must be a state but ${x.name} is ${root(x).role}`);
  checkShape('diffusion_sampler', 'x', x, [mul(branches, rows), C]);
  checkShape('diffusion_sampler', 'noise', noise, [noise.shape[0], rows, C]);
  checkShape('diffusion_sampler', 'coefficients', coefficients, [noise.shape[0], 8]);
  checkShape('diffusion_sampler', 'modulation', modulation, [mul(steps, branches, rows), (3 * blocks.length + 2) * W]);
  if (!isAligned(modulation, 4) || !sameDim(placement(modulation).stride, width(modulation)))
    throw new GraphError('[diffusion_sampler] modulation must be whole rows that start at a multiple of four elements');
  for (const [name, tensor] of Object.entries({ x, noise, coefficients }))
    checkContiguous('diffusion_sampler', name, tensor);
  products.forEach(({ weight, bias }, i) => {
    const shape = [i === products.length - 1 ? 2 * C : W, i === 0 ? C : W];
    checkShape('diffusion_sampler', weight.name, weight, shape);
    checkShape('diffusion_sampler', bias.name, bias, [shape[0]]);
  });
  for (const { norm } of blocks)
    for (const tensor of [norm.weight, norm.bias]) checkShape('diffusion_sampler', tensor.name, tensor, [W]);
  const attrs = { ...options, matrices: Object.keys(matrices), vectors: Object.keys(rest) };
  return call(diffusionSamplerOp, { x, noise, coefficients, modulation, ...matrices, ...rest }, attrs, {
    shape: x.shape,
  });
}
