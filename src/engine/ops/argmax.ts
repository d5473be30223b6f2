/** argmax(logits, seen, { penalty }): the next token of greedy decoding with a repetition penalty. */
import { argmaxBestShader, argmaxStretch, argmaxStretchShader } from '../../../shaders/argmax.ts';
import { GraphError } from '../errors.ts';
import { ceilDiv, mul, shapeText } from '../extent.ts';
import { type Dispatch, type Op, call, checkDtype, checkShape } from '../op.ts';
import { type Tensor, placement, root, rows, width } from '../tensor.ts';
import { checkFloats } from './check_floats.ts';

const argmaxOp: Op<{ penalty: number }> = {
  name: 'argmax',
  mutates: ['seen'],
  flops: ({ inputs }) => mul(2, ...inputs.logits.shape),
  lower({ inputs: { logits, seen }, attrs, output }, context): Dispatch[] {
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
        shader: argmaxBestShader(),
        bind: { found, seen: { tensor: seen }, y: { tensor: output } },
        params: { count: stretches },
        groups: 1,
      },
    ];
  },
};

/**
 * The id of the largest logit once ids in `seen` are penalised (positive / penalty, negative · penalty); the lowest of equal ones, never a
 * NaN, 0 where all are NaN. logits (…, V) of one row, seen: a u32 state (V), 1 for ids chosen before → u32 (1); sets seen[id] to 1.
 */
export function argmax(logits: Tensor, seen: Tensor, { penalty }: { readonly penalty: number }): Tensor {
  checkFloats('argmax', { logits });
  if (rows(logits) !== 1) throw new GraphError(`[argmax] logits must be one row but got ${shapeText(logits.shape)}`);
  if (root(seen).role !== 'state' || seen.view)
    throw new GraphError(`[argmax] seen must be a whole state but ${seen.name} is ${root(seen).role}`);
  checkShape('argmax', 'seen', seen, [width(logits)]);
  checkDtype('argmax', 'seen', seen, 'u32');
  if (!(penalty > 0)) throw new GraphError(`[argmax] penalty must be positive but got ${penalty}`);
  return call(argmaxOp, { logits, seen }, { penalty }, { shape: [1], dtype: 'u32' });
}
