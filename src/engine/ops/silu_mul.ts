/** siluMul(gate, up): silu(gate) ∘ up, the gate of Qwen2's MLP. */
import { declareActivation } from '../../../shaders/activation.ts';
import { call, checkShape } from '../op.ts';
import type { Tensor } from '../tensor.ts';
import { checkFloats } from './check_floats.ts';
import { elementwiseOp } from './elementwise.ts';

const siluMulOp = elementwiseOp({
  name: 'silu_mul',
  inputs: ['gate', 'up'],
  expression: 'activate(gate) * up',
  declare: (t) => declareActivation('silu', t),
  flops: 5,
});

/** silu(gate) ∘ up, both of one shape. */
export function siluMul(gate: Tensor, up: Tensor): Tensor {
  checkFloats('silu_mul', { gate, up });
  checkShape('silu_mul', 'up', up, gate.shape);
  return call(siluMulOp, { gate, up }, {}, { shape: gate.shape });
}
