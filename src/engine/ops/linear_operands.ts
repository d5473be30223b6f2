/** What the kernels of linear read: weights side by side in the parts that they are kept in, and biases as one. */
import type { Activation } from '../../../shaders/activation.ts';
import { subgroupColumns } from '../../../shaders/linear_subgroup.ts';
import type { Lowering, WeightOperand } from '../op.ts';
import { type Tensor, width } from '../tensor.ts';

export interface LinearAttrs {
  readonly activation: Activation;
}

/** The inputs called `name`, `name.1`, `name.2`, … */
export function listOf(inputs: Readonly<Record<string, Tensor>>, name: string): Tensor[] {
  return Object.keys(inputs)
    .filter((key) => key === name || key.startsWith(`${name}.`))
    .map((key) => inputs[key]);
}

/** What one dispatch reads of the weights: rows of them from `start` on. */
export interface WeightPart {
  readonly weight: WeightOperand;
  readonly part: number;
  readonly start: number;
  readonly rows: number;
}

/** Weights side by side are joined where they fit a binding and leave no gaps; otherwise each is read by itself. */
export function partsOf(
  inputs: Readonly<Record<string, Tensor>>,
  context: Lowering,
  layout: 'rows' | 'columns',
): WeightPart[] {
  const weights = listOf(inputs, 'weight');
  const heights = weights.map(({ shape }) => shape[0] as number);
  const bytes = 4 * width(inputs.x) * heights.reduce((a, b) => a + b, 0);
  const joins =
    heights.slice(0, -1).every((height) => height % subgroupColumns === 0) &&
    bytes <= context.limits.maxStorageBufferBindingSize;
  const operands = joins
    ? [context.weight(weights, { layout, split: true, quantised: true })]
    : weights.map((weight) => context.weight(weight, { layout, split: true, quantised: true }));
  let before = 0;
  return operands.flatMap((weight) => {
    const start = before;
    before += weight.shape[0];
    return weight.parts.map((part, i) => ({ weight, part: i, start: start + part.start, rows: part.rows }));
  });
}

export function biasOf(inputs: Readonly<Record<string, Tensor>>, context: Lowering): WeightOperand | undefined {
  const biases = listOf(inputs, 'bias');
  return biases.length > 0 ? context.weight(biases, { dtype: 'f32' }) : undefined;
}
