/** rope(x, { heads, theta, past }): rotary positions, half-split, as Qwen2 and Llama have them. */
import { ropeLanes, ropeShader } from '../../../shaders/rope.ts';
import { GraphError } from '../errors.ts';
import { type Dim, ceilDiv, isCount, mul, shapeText } from '../extent.ts';
import { type Dispatch, type Op, call, checkDtype, checkShape } from '../op.ts';
import { splitItems } from '../split.ts';
import { type Tensor, isAligned, placement, rows, vectorOffset, width } from '../tensor.ts';
import { checkFloats } from './check_floats.ts';

export interface RopeAttrs {
  readonly heads: number;
  /** Frequency of pair i is theta^(−2i/D). */
  readonly theta: number;
}

/** The dispatch of a rotation, into `to`: a tensor of x's shape, or a cache with `cached` rows a batch. */
export function ropeDispatch(x: Tensor, past: Tensor, { heads, theta }: RopeAttrs, to: Tensor, cached?: Dim): Dispatch {
  const depth = width(x) / heads;
  const vector = depth % 8 === 0 && isAligned(x, 4);
  const { offset, stride } = placement(x);
  return {
    label: 'rope',
    shader: ropeShader({ depth, theta, cache: cached !== undefined, vector }),
    bind: { x: { tensor: x }, past: { tensor: past }, y: { tensor: to } },
    params: {
      rows: rows(x),
      length: x.shape[1],
      past_offset: vectorOffset(past),
      heads,
      x_offset: offset,
      x_stride: stride,
      ...(cached !== undefined && { cached }),
    },
    groups: ceilDiv(mul(rows(x), width(x) / (vector ? 8 : 2)), ropeLanes),
  };
}

export const ropeOp: Op<RopeAttrs> = {
  name: 'rope',
  flops: ({ output }) => mul(3, ...output.shape),
  split: (node, limits) => splitItems(node, ['x', 'past'], node.output.shape[0], limits),
  lower: ({ inputs: { x, past }, attrs, output }) => [ropeDispatch(x, past, attrs, output)],
};

/**
 * Rotates the pairs (i, i + D/2) of each head by (past[b] + t)·theta^(−2i/D). x (B, T, heads·D), past u32 (B) → (B, T, heads·D).
 * Angles are exact to 2^−32 turns for positions up to 2^31. Errors: GraphError when shapes do not fit or D is odd.
 */
export function rope(x: Tensor, { heads, theta, past }: RopeAttrs & { readonly past: Tensor }): Tensor {
  checkFloats('rope', { x });
  if (x.shape.length !== 3) throw new GraphError(`[rope] x must be (B, T, heads·D) but got ${shapeText(x.shape)}`);
  if (!(theta > 0 && Number.isFinite(Math.fround(theta))))
    throw new GraphError(`[rope] theta must be positive and finite but is ${String(theta)}`);
  if (!isCount(heads) || width(x) % (2 * heads) !== 0)
    throw new GraphError(`[rope] x must hold ${heads} heads of equal, even width but is ${width(x)} wide`);
  checkShape('rope', 'past', past, [x.shape[0]]);
  checkDtype('rope', 'past', past, 'u32');
  return call(ropeOp, { x, past }, { heads, theta }, { shape: x.shape });
}
