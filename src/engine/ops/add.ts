/** add(a, b): a + b, element by element; rows of a smaller b are repeated. */
import { GraphError } from '../errors.ts';
import { mul, sameDim, shapeText } from '../extent.ts';
import { type Op, call } from '../op.ts';
import { oversize, splitItems, splitRows } from '../split.ts';
import { type Tensor, reshape, rows } from '../tensor.ts';
import { checkFloats } from './check_floats.ts';
import { elementwiseOp } from './elementwise.ts';

const addOp: Op<Record<string, never>> = elementwiseOp({
  name: 'add',
  inputs: ['a', 'b'],
  expression: 'a + b',
  row: { b: 'item' },
  inner: ({ inputs }) => rows(inputs.b),
  split(node, limits) {
    const { a, b } = node.inputs;
    if (a.shape.length === b.shape.length) return splitRows(node, ['a', 'b'], limits);
    if (!oversize(a, limits) && !oversize(node.output, limits)) return [node];
    const blocks = mul(...a.shape.slice(0, a.shape.length - b.shape.length));
    const flat = (x: Tensor) => reshape(x, [blocks, ...b.shape]);
    return splitItems({ ...node, inputs: { a: flat(a), b }, output: flat(node.output) }, ['a'], blocks, limits);
  },
  flops: 1,
});

/** a + b. b has a's shape, or its last axes: then b is added to each of a's leading blocks. */
export function add(a: Tensor, b: Tensor): Tensor {
  checkFloats('add', { a, b });
  const tail = a.shape.slice(a.shape.length - b.shape.length);
  if (b.shape.length > a.shape.length || !b.shape.every((d, i) => sameDim(d, tail[i])))
    throw new GraphError(`[add] b must be ${shapeText(a.shape)} or its last axes but got ${shapeText(b.shape)}`);
  return call(addOp, { a, b }, {}, { shape: a.shape });
}
