/** attention(q, k, v, { heads, kvHeads, causal, past }): softmax(q·kᵀ/√D)·v for each head, over the rows at hand or over a cache. */
import { type AttentionOptions, attentionShader, attentionSplits, attentionTile } from '../../../shaders/attention.ts';
import { GraphError } from '../errors.ts';
import { ceilDiv, isCount, mul, shapeText } from '../extent.ts';
import { type Op, call, checkDtype, checkShape } from '../op.ts';
import { splitItems } from '../split.ts';
import { type Tensor, isAligned, placement, vectorOffset, width } from '../tensor.ts';
import { checkFloats } from './check_floats.ts';

export interface AttentionHeads {
  /** Query heads; q is heads·D wide. */
  readonly heads: number;
  /** Key and value heads, a divisor of `heads`: query head j uses kv head ⌊j·kvHeads/heads⌋. */
  readonly kvHeads: number;
  /** Row t sees keys up to its own; without, all rows see the same keys. */
  readonly causal?: boolean;
  /** u32 (B): keys before row 0 of each batch. Without, 0. */
  readonly past?: Tensor;
}

type Attrs = Required<Omit<AttentionHeads, 'past'>>;

const attentionOp: Op<Attrs> = {
  name: 'attention',
  flops: ({ inputs: { q, k } }) => mul(4, ...q.shape, k.shape[1]),
  split: (node, limits) => splitItems(node, ['q', 'k', 'v', 'past'], node.output.shape[0], limits),
  lower({ inputs: { q, k, v, past }, attrs: { heads, kvHeads, causal }, output }) {
    const depth = width(q) / heads;
    const sharing = heads / kvHeads;
    const pairs = mul(q.shape[1], sharing);
    const options: AttentionOptions = {
      depth,
      vector: depth % 4 === 0 && [q, k, v].every((x) => isAligned(x, 4)),
    };
    const [at, atKeys, atValues] = [placement(q), placement(k), placement(v)];
    return [
      {
        label: 'attention',
        shader: attentionShader(options),
        bind: {
          q: { tensor: q },
          k: { tensor: k },
          v: { tensor: v },
          past: { tensor: past ?? q },
          y: { tensor: output },
        },
        params: {
          rows: q.shape[1],
          keys: k.shape[1],
          kv_heads: kvHeads,
          sharing,
          units: options.vector ? depth / 4 : depth,
          past_offset: past ? vectorOffset(past) : 0,
          has_past: past ? 1 : 0,
          causal: Number(causal),
          q_offset: at.offset,
          q_stride: at.stride,
          k_offset: atKeys.offset,
          k_stride: atKeys.stride,
          v_offset: atValues.offset,
          v_stride: atValues.stride,
        },
        groups: mul(q.shape[0], kvHeads, attentionSplits(depth), ceilDiv(pairs, attentionTile)),
      },
    ];
  },
};

/**
 * softmax(q·kᵀ/√D)·v. q (B, T, heads·D), k and v (B, S, kvHeads·D) → (B, T, heads·D). Row t of batch b sees keys 0 … past[b] + t when
 * causal, 0 … past[b] + T − 1 otherwise; never beyond S. Without `past`, S must be T. Errors: GraphError when shapes do not fit.
 */
export function attention(q: Tensor, k: Tensor, v: Tensor, o: AttentionHeads): Tensor {
  checkFloats('attention', { q, k, v });
  const { heads, kvHeads, causal = false, past } = o;
  if (q.shape.length !== 3) throw new GraphError(`[attention] q must be (B, T, heads·D) but got ${shapeText(q.shape)}`);
  if (!isCount(heads) || !isCount(kvHeads) || width(q) % heads !== 0 || heads % kvHeads !== 0)
    throw new GraphError(
      `[attention] q must hold ${heads} heads of equal width, shared by ${kvHeads} kv heads, but is ${width(q)} wide`,
    );
  const [batch, rows] = q.shape;
  checkShape('attention', 'k', k, [batch, past ? k.shape[1] : rows, (width(q) / heads) * kvHeads]);
  checkShape('attention', 'v', v, k.shape);
  if (past) {
    checkShape('attention', 'past', past, [batch]);
    checkDtype('attention', 'past', past, 'u32');
  }
  return call(attentionOp, { q, k, v, past }, { heads, kvHeads, causal }, { shape: q.shape });
}
