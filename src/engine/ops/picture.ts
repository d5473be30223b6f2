/** What the ops on pictures (H, W, C) have in common. */
import { GraphError } from '../errors.ts';
import { shapeText } from '../extent.ts';
import type { Tensor } from '../tensor.ts';

/** Height, width and channels of a picture (H, W, C), which are fixed when the graph is built. */
export function pictureShape(op: string, name: string, x: Tensor): readonly [number, number, number] {
  if (x.shape.length !== 3 || !x.shape.every((d) => typeof d === 'number' && d > 0))
    throw new GraphError(`[${op}] ${name} must be a picture [H, W, C] of fixed size but got ${shapeText(x.shape)}`);
  return x.shape as readonly number[] as readonly [number, number, number];
}
