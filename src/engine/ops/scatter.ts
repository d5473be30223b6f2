/** scatter(target, index, x): writes rows of x into rows of a state. */
import { scatterLanes, scatterShader } from '../../../shaders/scatter.ts';
import { GraphError } from '../errors.ts';
import { ceilDiv, mul } from '../extent.ts';
import { type Op, call, checkDtype } from '../op.ts';
import { type Tensor, isAligned, placement, root, rows, width } from '../tensor.ts';
import { checkFloats } from './check_floats.ts';

const scatterOp: Op<Record<string, never>> = {
  name: 'scatter',
  mutates: ['target'],
  aliases: 'target',
  flops: () => 0,
  bytes: ({ inputs: { x } }) => mul(8, ...x.shape),
  lower({ inputs: { target, index, x } }) {
    const vector = isAligned(x, 4);
    const { offset, stride } = placement(x);
    return [
      {
        label: 'scatter',
        shader: scatterShader({ vector }),
        bind: { x: { tensor: x }, index: { tensor: index }, y: { tensor: target } },
        params: { rows: rows(x), width: width(x), available: rows(target), x_offset: offset, x_stride: stride },
        groups: ceilDiv(mul(rows(x), vector ? width(x) / 4 : width(x)), scatterLanes),
      },
    ];
  },
};

/** target[index[i]] = x[i]. target: a state (…, W); index u32 (R); x (R, W). Returns the state as it is afterwards. */
export function scatter(target: Tensor, index: Tensor, x: Tensor): Tensor {
  checkFloats('scatter', { target, x });
  checkDtype('scatter', 'index', index, 'u32');
  if (root(target).role !== 'state')
    throw new GraphError(`[scatter] target must be a state but ${target.name} is ${root(target).role}`);
  if (width(x) !== width(target)) throw new GraphError(`[scatter] x must be ${width(target)} wide but is ${width(x)}`);
  return call(scatterOp, { target, index, x }, {}, { shape: target.shape });
}
