/** gelu(x): ½x(1 + erf(x/√2)), the exact form. */
import { declareActivation } from '../../../shaders/activation.ts';
import { call } from '../op.ts';
import type { Tensor } from '../tensor.ts';
import { checkFloats } from './check_floats.ts';
import { elementwiseOp } from './elementwise.ts';

const geluOp = elementwiseOp({
  name: 'gelu',
  inputs: ['x'],
  expression: 'activate(x)',
  declare: (t) => declareActivation('gelu', t),
  flops: 30,
});

/** ½x(1 + erf(x/√2)), element by element. */
export function gelu(x: Tensor): Tensor {
  checkFloats('gelu', { x });
  return call(geluOp, { x }, {}, { shape: x.shape });
}
