/** add(a, b): a + b, element by element. */
import { type Op, call, checkShape } from '../op.ts';
import type { Tensor } from '../tensor.ts';
import { elementwiseOp } from './elementwise.ts';

const addOp: Op<Record<string, never>> = elementwiseOp({
  name: 'add',
  inputs: ['a', 'b'],
  expression: 'a + b',
  flops: 1,
});

/** a + b, both of one shape. */
export function add(a: Tensor, b: Tensor): Tensor {
  checkShape('add', 'b', b, a.shape);
  return call(addOp, { a, b }, {}, { shape: a.shape });
}
