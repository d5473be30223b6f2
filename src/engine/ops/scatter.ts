/** scatter(target, index, x): writes rows of x into rows of a state. */
import { scatterLanes, scatterShader } from '../../../shaders/scatter.ts';
import { GraphError } from '../errors.ts';
import { ceilDiv, mul, sameDim, shapeText } from '../extent.ts';
import { type Op, call, checkDtype } from '../op.ts';
import { oversize, rowParts, splitItems } from '../split.ts';
import { type Tensor, count, flattened, isAligned, placement, root, rows, vectorOffset, width } from '../tensor.ts';
import { checkFloats } from './check_floats.ts';

const scatterOp: Op<Record<string, never>> = {
  name: 'scatter',
  mutates: ['target'],
  aliases: 'target',
  flops: () => 0,
  bytes: ({ inputs: { x } }) => mul(8, ...x.shape),
  split(node, limits) {
    const { x, index } = node.inputs;
    if (!oversize(x, limits) && !oversize(index, limits)) return [node];
    return splitItems(
      { ...node, inputs: { ...node.inputs, index: flattened(index) } },
      ['x', 'index'],
      rows(x),
      limits,
    );
  },
  lower({ inputs: { target, index, x } }, { limits }) {
    const vector = isAligned(x, 4);
    const { offset, stride } = placement(x);
    return rowParts(target, limits).map(({ start, part }) => ({
      label: 'scatter',
      shader: scatterShader({ vector }),
      bind: { x: { tensor: x }, index: { tensor: index }, y: { tensor: part } },
      params: {
        rows: rows(x),
        width: width(x),
        index_offset: vectorOffset(index),
        first: start,
        available: rows(part),
        x_offset: offset,
        x_stride: stride,
      },
      groups: ceilDiv(mul(rows(x), vector ? width(x) / 4 : width(x)), scatterLanes),
    }));
  },
};

/** target[index[i]] = x[i]. target: a state (…, W); index u32 (R); x (R, W). Returns the state as it is afterwards. */
export function scatter(target: Tensor, index: Tensor, x: Tensor): Tensor {
  checkFloats('scatter', { target, x });
  checkDtype('scatter', 'index', index, 'u32');
  if (root(target).role !== 'state')
    throw new GraphError(`[scatter] target must be a state but ${target.name} is ${root(target).role}`);
  if (width(x) !== width(target)) throw new GraphError(`[scatter] x must be ${width(target)} wide but is ${width(x)}`);
  if (!sameDim(count(index), rows(x)))
    throw new GraphError(
      `[scatter] index must hold one row for each of x, ${String(rows(x))}, but is ${shapeText(index.shape)}`,
    );
  return call(scatterOp, { target, index, x }, {}, { shape: target.shape });
}
