/** gatedAdd(x, gate, y): x + gate ∘ y, the residual of a modulated block. */
import { call, checkShape } from '../op.ts';
import type { Tensor } from '../tensor.ts';
import { checkFloats } from './check_floats.ts';
import { elementwiseOp } from './elementwise.ts';

const gatedAddOp = elementwiseOp({
  name: 'gated_add',
  inputs: ['x', 'gate', 'z'],
  expression: 'fma(gate, z, x)',
  flops: 2,
});

/** x + gate ∘ z, all of one shape. */
export function gatedAdd(x: Tensor, gate: Tensor, z: Tensor): Tensor {
  checkFloats('gated_add', { x, gate, z });
  checkShape('gated_add', 'gate', gate, x.shape);
  checkShape('gated_add', 'z', z, x.shape);
  return call(gatedAddOp, { x, gate, z }, {}, { shape: x.shape });
}
