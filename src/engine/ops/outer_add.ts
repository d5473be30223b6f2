/** outerAdd(a, b): every row of a plus every row of b. */
import { GraphError } from '../errors.ts';
import { call } from '../op.ts';
import { splitItems } from '../split.ts';
import { type Tensor, reshape, rows, width } from '../tensor.ts';
import { checkFloats } from './check_floats.ts';
import { elementwiseOp } from './elementwise.ts';

const outerAddOp = elementwiseOp({
  name: 'outer_add',
  inputs: ['a', 'b'],
  expression: 'a + b',
  row: { a: 'block', b: 'item' },
  inner: ({ inputs }) => rows(inputs.b),
  split(node, limits) {
    const { a, b } = node.inputs;
    const items = rows(a);
    return splitItems({ ...node, inputs: { a: reshape(a, [items, width(a)]), b } }, ['a'], items, limits);
  },
  flops: 1,
});

/** a (S, W), b (R, W) → (S, R, W) with a's row s plus b's row r. */
export function outerAdd(a: Tensor, b: Tensor): Tensor {
  checkFloats('outer_add', { a, b });
  if (width(a) !== width(b)) throw new GraphError(`[outer_add] b must be ${width(a)} wide but is ${width(b)}`);
  return call(outerAddOp, { a, b }, {}, { shape: [rows(a), rows(b), width(a)] });
}
