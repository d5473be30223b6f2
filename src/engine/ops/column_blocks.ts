/** Where weights are kept in blocks of columns, for `linear` and for the tables that it shares with `gather`. */
import { type SubgroupLanes, subgroupDepth } from '../../../shaders/linear_subgroup.ts';
import type { Limits } from '../op.ts';
import type { Tensor } from '../tensor.ts';

/**
 * Lanes of the kernels that read this weight (N, K) in blocks of columns, where it is kept so: subgroups have one of the sizes that they are written
 * for, and of eight lanes rows of K fit an image. It follows from weight and device alone, so that all passes of a model share one copy.
 */
export function columnLanes({ shape }: Tensor, limits: Limits): SubgroupLanes | undefined {
  const lanes = limits.subgroupSize;
  if ((lanes !== 8 && lanes !== 4) || shape.length !== 2) return undefined;
  const [height, depth] = shape as readonly number[];
  const fits = lanes === 4 || depth / 4 <= limits.maxTextureDimension2D;
  return fits && height % 4 === 0 && depth % subgroupDepth[lanes] === 0 ? lanes : undefined;
}
