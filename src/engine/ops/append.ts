/** append(cache, x, past): new rows of a cache. A rotation of them that nobody else reads is done on the way. */
import { appendLanes, appendShader } from '../../../shaders/append.ts';
import { GraphError } from '../errors.ts';
import { ceilDiv, mul, shapeText } from '../extent.ts';
import { type Op, call, checkDtype, checkShape } from '../op.ts';
import { splitItems } from '../split.ts';
import { type Tensor, isAligned, isContiguous, placement, root, rows, vectorOffset, width } from '../tensor.ts';
import { checkFloats } from './check_floats.ts';
import { type RopeAttrs, ropeDispatch, ropeOp } from './rope.ts';

const appendOp: Op<{ readonly rope?: RopeAttrs }> = {
  name: 'append',
  mutates: ['cache'],
  aliases: 'cache',
  flops: ({ inputs: { x }, attrs }) => (attrs.rope ? mul(3, ...x.shape) : 0),
  bytes: ({ inputs: { x } }) => mul(8, ...x.shape),
  split: (node, limits) => splitItems(node, ['cache', 'x', 'past'], node.inputs.cache.shape[0], limits),
  lower({ inputs: { cache, x, past }, attrs }) {
    const cached = cache.shape[1];
    if (attrs.rope) return [ropeDispatch(x, past, attrs.rope, cache, cached)];
    const vector = isAligned(x, 4);
    const { offset, stride } = placement(x);
    return [
      {
        label: 'append',
        shader: appendShader({ vector }),
        bind: { x: { tensor: x }, past: { tensor: past }, y: { tensor: cache } },
        params: {
          rows: rows(x),
          length: x.shape[1],
          past_offset: vectorOffset(past),
          width: width(x),
          x_offset: offset,
          x_stride: stride,
          cached,
        },
        groups: ceilDiv(mul(rows(x), vector ? width(x) / 4 : width(x)), appendLanes),
      },
    ];
  },
  absorbInput({ inputs, attrs }, name, before) {
    if (name !== 'x' || attrs.rope || before.op.name !== ropeOp.name || before.inputs.past !== inputs.past)
      return undefined;
    return {
      op: appendOp as Op,
      inputs: { ...inputs, x: before.inputs.x },
      attrs: { rope: before.attrs as RopeAttrs },
    };
  },
};

/**
 * cache[b, past[b] + t] = x[b, t]; rows beyond the cache are not written. cache: a state (B, S, C), x (B, T, C), past u32 (B).
 * Returns the cache as it is afterwards.
 */
export function append(cache: Tensor, x: Tensor, past: Tensor): Tensor {
  checkFloats('append', { cache, x });
  if (cache.role !== 'state' || !isContiguous(cache) || root(cache).shape.length !== 3)
    throw new GraphError(
      `[append] cache must be a whole state (B, S, C) but ${cache.name} is ${shapeText(cache.shape)}`,
    );
  checkShape('append', 'x', x, [cache.shape[0], x.shape[1], width(cache)]);
  checkShape('append', 'past', past, [cache.shape[0]]);
  checkDtype('append', 'past', past, 'u32');
  return call(appendOp, { cache, x, past }, {}, { shape: cache.shape });
}
