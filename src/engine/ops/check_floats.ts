/** The check that ops of numbers share: f32 elements, where the bits of whole numbers would be read as floats. */
import { checkDtype } from '../op.ts';
import type { Tensor } from '../tensor.ts';

/** Throws unless each tensor that is given is f32. */
export function checkFloats(op: string, tensors: Readonly<Record<string, Tensor | undefined>>): void {
  for (const [name, x] of Object.entries(tensors)) if (x) checkDtype(op, name, x, 'f32');
}
