/** argmax(logits, seen, { penalty }): the next token of greedy decoding with a repetition penalty. */
import { argmaxBestShader, argmaxStretch, argmaxStretchShader } from '../../../shaders/argmax.ts';
import { GraphError } from '../errors.ts';
import { type Dim, ceilDiv, mul, shapeText } from '../extent.ts';
import { type Dispatch, type Op, call, checkDtype, checkShape } from '../op.ts';
import { type Tensor, placement, root, rows, width } from '../tensor.ts';
import { checkFloats } from './check_floats.ts';

/** A sequence that grows by one pass after the other, without the host. */
export interface Sequence {
  /** u32 state (1): positions before this pass; afterwards, with this pass. */
  readonly past: Tensor;
  /** u32 state (S): gets the chosen id at the position behind this pass, 0xffffffff where logits are NaN or infinite; nothing beyond its end. */
  readonly ids: Tensor;
  /** Positions of this pass. */
  readonly rows: Dim;
}

const argmaxOp: Op<{ readonly penalty: number; readonly rows: Dim }> = {
  name: 'argmax',
  mutates: ['seen', 'past', 'ids'],
  flops: ({ inputs }) => mul(2, ...inputs.logits.shape),
  lower({ inputs: { logits, seen, past, ids }, attrs, output }, context): Dispatch[] {
    const stretches = ceilDiv(width(logits), argmaxStretch);
    const found = { tensor: context.scratch('argmax.found', [stretches, 2]) };
    return [
      {
        label: 'argmax',
        shader: argmaxStretchShader(),
        bind: { logits: { tensor: logits }, seen: { tensor: seen }, found },
        params: { count: width(logits), offset: placement(logits).offset, penalty: attrs.penalty },
        groups: stretches,
      },
      {
        label: 'argmax_best',
        shader: argmaxBestShader({ sequence: !!ids }),
        bind: {
          found,
          seen: { tensor: seen },
          y: { tensor: output },
          ...(ids && { past: { tensor: past }, ids: { tensor: ids } }),
        },
        params: { count: stretches, ...(ids && { rows: attrs.rows, length: width(ids) }) },
        groups: 1,
      },
    ];
  },
};

/**
 * The id of the largest logit once ids in `seen` are penalised (positive / penalty, negative · penalty); the lowest of equal ones, never a
 * NaN, 0 where all are NaN. logits (…, V) of one row, seen: a u32 state (V), 1 for ids chosen before → u32 (1); sets seen[id] to 1. With a
 * `sequence` past[0] += rows, then ids[past[0]] = id. Errors: GraphError when shapes or roles do not fit.
 */
export function argmax(
  logits: Tensor,
  seen: Tensor,
  { penalty, sequence }: { readonly penalty: number; readonly sequence?: Sequence },
): Tensor {
  checkFloats('argmax', { logits });
  if (rows(logits) !== 1) throw new GraphError(`[argmax] logits must be one row but got ${shapeText(logits.shape)}`);
  checkState('seen', seen, [width(logits)]);
  if (!(penalty > 0)) throw new GraphError(`[argmax] penalty must be positive but got ${penalty}`);
  const { past, ids, rows: passed = 0 } = sequence ?? {};
  if (past && ids) {
    checkState('past', past, [1]);
    checkState('ids', ids, [width(ids)]);
  }
  return call(argmaxOp, { logits, seen, past, ids }, { penalty, rows: passed }, { shape: [1], dtype: 'u32' });
}

function checkState(name: string, x: Tensor, shape: readonly Dim[]): void {
  if (root(x).role !== 'state' || x.view)
    throw new GraphError(`[argmax] ${name} must be a whole state but ${x.name} is ${root(x).role}`);
  checkShape('argmax', name, x, shape);
  checkDtype('argmax', name, x, 'u32');
}
