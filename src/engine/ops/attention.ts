/** attention(q, k, v, { heads, kvHeads, causal, past }): softmax(q·kᵀ/√D)·v for each head, over the rows at hand or over a cache. */
import { type AttentionOptions, attentionShader, attentionSplits, attentionTile } from '../../../shaders/attention.ts';
import { attentionCombineLanes, attentionCombineShader } from '../../../shaders/attention_combine.ts';
import {
  type AttentionSplitOptions,
  attentionChunk,
  attentionSplitFits,
  attentionSplitShader,
} from '../../../shaders/attention_split.ts';
import {
  attentionSubgroupFits,
  attentionSubgroupShader,
  attentionSubgroupTile,
} from '../../../shaders/attention_subgroup.ts';
import { subgroupLanes } from '../../../shaders/linear_subgroup.ts';
import { GraphError } from '../errors.ts';
import { ceilDiv, evaluate, isCount, maximum, mul, shapeText } from '../extent.ts';
import type { Node } from '../graph.ts';
import { fitsFlatImage, headsImage } from '../images.ts';
import {
  type Dispatch,
  type ImageOperand,
  type Limits,
  type Lowering,
  type Op,
  type Operand,
  call,
  checkDtype,
  checkShape,
} from '../op.ts';
import { splitItems } from '../split.ts';
import { type Tensor, isAligned, placement, rows, surroundings, vectorOffset, width } from '../tensor.ts';
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
  // a full cache
  timedValue: ({ inputs: { q, k } }, name, extents) =>
    name === 'past' ? Math.max(0, evaluate(k.shape[1], extents) - evaluate(q.shape[1], extents)) : 0,
  split: (node, limits) => splitItems(node, ['q', 'k', 'v', 'past'], node.output.shape[0], limits),
  lower(node, context) {
    const { limits } = context;
    if (splits(node, context)) return lowerSplit(node, context);
    const { q, k, v, past } = node.inputs;
    const { heads, kvHeads, causal } = node.attrs;
    const depth = width(q) / heads;
    const sharing = heads / kvHeads;
    const pairs = mul(q.shape[1], sharing);
    const options: AttentionOptions = {
      depth,
      vector: depth % 4 === 0 && [q, k, v].every((x) => isAligned(x, 4)),
    };
    const [at, atKeys, atValues] = [placement(q), placement(k), placement(v)];
    const subgroups = bySubgroups(node, limits);
    const operand = (x: Tensor): Operand => (subgroups ? { image: surroundings(x), flat: true } : { tensor: x });
    const packed = subgroups ? packedHeads(node, limits) : undefined;
    return [
      {
        label: subgroups ? 'attention_subgroup' : 'attention',
        shader: subgroups ? attentionSubgroupShader({ depth, packed: !!packed }) : attentionShader(options),
        bind: {
          q: operand(q),
          k: packed ? { image: k, heads: packed } : operand(k),
          v: packed ? { image: v, heads: packed } : operand(v),
          past: { tensor: past ?? q },
          y: { tensor: node.output },
        },
        params: {
          rows: q.shape[1],
          keys: k.shape[1],
          kv_heads: kvHeads,
          sharing,
          ...(!subgroups && { units: options.vector ? depth / 4 : depth }),
          past_offset: past ? vectorOffset(past) : 0,
          has_past: past ? 1 : 0,
          causal: Number(causal),
          q_offset: at.offset,
          q_stride: at.stride,
          k_offset: atKeys.offset,
          k_stride: atKeys.stride,
          v_offset: atValues.offset,
          v_stride: atValues.stride,
          ...(packed && { across: packed.across, lines: rows(k) }),
        },
        groups: subgroups
          ? mul(q.shape[0], kvHeads, ceilDiv(pairs, attentionSubgroupTile(depth)))
          : mul(q.shape[0], kvHeads, attentionSplits(depth), ceilDiv(pairs, attentionTile)),
      },
    ];
  },
};

/**
 * Whether a node is one token's attention over a cache, with widths that `attention_split` is written for, and it is to be used. Without subgroups
 * it is for adapters that compute many workgroups at once.
 */
function splits({ inputs: { q, k, v, past }, attrs }: Node<Attrs>, { limits, pick }: Lowering): boolean {
  if (q.shape[1] !== 1 || !past || ![q, k, v].every((x) => isAligned(x, 4))) return false;
  const { heads, kvHeads } = attrs;
  const o: AttentionSplitOptions = { depth: width(q) / heads, sharing: heads / kvHeads };
  if (!attentionSplitFits(o, limits.maxComputeWorkgroupStorageSize)) return false;
  const few = limits.architecture === 'swiftshader';
  return pick({ ...o, kvHeads }, few ? ['whole', 'chunks'] : ['chunks', 'whole']) === 'chunks';
}

/** Chunks of the cache by themselves, then their sum. */
function lowerSplit(
  { inputs: { q, k, v, past }, attrs, output }: Node<Attrs>,
  { limits, scratch }: Lowering,
): Dispatch[] {
  const { heads, kvHeads } = attrs;
  const [batch, keys] = k.shape;
  const [depth, sharing] = [width(q) / heads, heads / kvHeads];
  const chunks = ceilDiv(keys, attentionChunk);
  const subgroups = limits.subgroupSize === subgroupLanes && depth <= 128 && sharing <= 8;
  const partial = scratch('attention.chunks', [mul(batch, heads, chunks), depth + 4]);
  const [at, atKeys, atValues] = [placement(q), placement(k), placement(v)];
  const seen = { past_offset: vectorOffset(past) };
  return [
    {
      label: subgroups ? 'attention_split_subgroup' : 'attention_split',
      shader: subgroups ? attentionSubgroupShader({ depth, sharing }) : attentionSplitShader({ depth, sharing }),
      bind: {
        q: { tensor: q },
        k: { tensor: k },
        v: { tensor: v },
        past: { tensor: past },
        y: { tensor: partial },
      },
      params: {
        ...seen,
        ...(subgroups && { rows: 1, sharing, has_past: 1, causal: 1 }),
        keys,
        kv_heads: kvHeads,
        chunks,
        q_offset: at.offset,
        q_stride: at.stride,
        k_offset: atKeys.offset,
        k_stride: atKeys.stride,
        v_offset: atValues.offset,
        v_stride: atValues.stride,
      },
      groups: mul(batch, kvHeads, chunks),
    },
    {
      label: 'attention_combine',
      shader: attentionCombineShader({ depth }),
      bind: { x: { tensor: partial }, past: { tensor: past }, y: { tensor: output } },
      params: { ...seen, rows: mul(batch, heads), heads, sharing, keys, chunks },
      groups: ceilDiv(mul(batch, heads, depth / 4), attentionCombineLanes),
    },
  ];
}

/**
 * Whether subgroups have the size that `attention_subgroup` is written for, and heads a width. It must not follow the rows of a pass, so that a row
 * is the same in all; but for one row known when compiling the copies cost too much, and one narrow head is too little work to compile for.
 */
function bySubgroups({ inputs: { q, k, v }, attrs: { heads } }: Node<Attrs>, limits: Limits): boolean {
  const depth = width(q) / heads;
  const fits = attentionSubgroupFits(depth) && (heads > 1 || depth > 128) && q.shape[1] !== 1;
  const copies = (x: Tensor) => isAligned(x, 4) && fitsFlatImage(surroundings(x), limits);
  return limits.subgroupSize === subgroupLanes && fits && [q, k, v].every(copies);
}

/** How k and v lie in images head by head, where lines of many heads would spread the keys of one over as many pages of memory; the same bits. */
function packedHeads({ inputs: { q, k, v }, attrs }: Node<Attrs>, limits: Limits): ImageOperand['heads'] {
  const { heads, kvHeads } = attrs;
  if (width(q) / heads > 128 || kvHeads < 4 || maximum(k.shape[1]) < 256) return undefined;
  return headsImage(v, kvHeads, limits) && headsImage(k, kvHeads, limits);
}

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
