/** silu(x): x / (1 + e^−x). */
import { declareActivation } from '../../../shaders/activation.ts';
import { call } from '../op.ts';
import type { Tensor } from '../tensor.ts';
import { checkFloats } from './check_floats.ts';
import { elementwiseOp } from './elementwise.ts';

const siluOp = elementwiseOp({
  name: 'silu',
  inputs: ['x'],
  expression: 'activate(x)',
  declare: (t) => declareActivation('silu', t),
  flops: 4,
});

/** x / (1 + e^−x), element by element. */
export function silu(x: Tensor): Tensor {
  checkFloats('silu', { x });
  return call(siluOp, { x }, {}, { shape: x.shape });
}
