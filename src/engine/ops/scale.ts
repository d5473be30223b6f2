/** scale(x, factor): x · factor, a fixed number. */
import { GraphError } from '../errors.ts';
import { call } from '../op.ts';
import type { Tensor } from '../tensor.ts';
import { checkFloats } from './check_floats.ts';
import { elementwiseOp } from './elementwise.ts';

/** x · factor, element by element; a strided x comes out contiguous. */
export function scale(x: Tensor, factor: number): Tensor {
  checkFloats('scale', { x });
  if (!Number.isFinite(Math.fround(factor)))
    throw new GraphError(`[scale] factor must be a finite f32 but is ${String(factor)}`);
  const op = elementwiseOp<{ readonly factor: number }>({
    name: 'scale',
    inputs: ['x'],
    expression: `x * ${Math.fround(factor).toExponential()}`,
    flops: 1,
  });
  return call(op, { x }, { factor }, { shape: x.shape });
}
