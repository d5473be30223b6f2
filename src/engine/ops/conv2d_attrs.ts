/** What a convolution is told beside its tensors. */
import type { Node } from '../graph.ts';
import { width } from '../tensor.ts';
import type { GroupNormAttrs } from './group_norm.ts';

/** Where zeros stand around x: one on all four sides, one to the right and below, or none. */
export type Padding = 'same' | 'corner' | 'none';

export interface Conv2dAttrs {
  readonly kernel: number;
  readonly stride: 1 | 2;
  readonly padding: Padding;
  /** x is read as if every pixel stood twice in both directions. */
  readonly upsampled: boolean;
  /** Row of x, as the filter sees it, under the filter's first row at the top: −1 where zeros stand above. */
  readonly top: number;
  /** x is normalised first: by inputs `norm_weight` and `norm_bias`, or in the prologue of a kernel by the table `norm` (see `groupNormStatistics`). */
  readonly norm?: GroupNormAttrs;
}

export type Conv2dNode = Node<Conv2dAttrs>;

/** Row and column of x, as the filter sees it, that lie under the filter's first ones where zeros stand above and to the left of x or not. */
export function leadingZeros(padding: Padding): number {
  return padding === 'same' ? -1 : 0;
}

/** Whether two rows of two outputs may be computed together. */
export function fitsWinograd({ inputs: { x }, attrs: { kernel, stride }, output }: Conv2dNode): boolean {
  return kernel === 3 && stride === 1 && Math.min(width(x), width(output)) >= 128;
}
