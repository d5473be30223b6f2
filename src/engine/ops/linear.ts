/** linear(x, weight, bias?): x·Wᵀ + bias, with activation and residual taken over by fusion. x (…, K), weight (N, K), bias (N); or several of them side by side. */
import { GraphError } from '../errors.ts';
import { mul, sameDim } from '../extent.ts';
import type { Node } from '../graph.ts';
import { type Op, call, checkShape } from '../op.ts';
import { splitRows } from '../split.ts';
import { type Tensor, isContiguous, rows, width } from '../tensor.ts';
import { checkFloats } from './check_floats.ts';
import { lanesOf, lowerColumns } from './linear_columns.ts';
import type { LinearAttrs } from './linear_operands.ts';
import { lowerRows } from './linear_rows.ts';

const linearOp: Op<LinearAttrs> = {
  name: 'linear',
  flops: ({ inputs, output }) => mul(2, rows(output), width(output), width(inputs.x)),
  // stretches of rows also keep x within an image, so that all passes of a model read one copy of the weight
  split: (node, limits) =>
    splitRows(node, ['x', 'residual'], limits, lanesOf(node, limits) === 8 ? limits.maxTextureDimension2D : Infinity),
  lower(node, context) {
    const lanes = lanesOf(node, context.limits);
    return lanes ? lowerColumns(node, context, lanes) : lowerRows(node, context);
  },
  absorb(node, next) {
    const { name } = next.op;
    if ((name === 'silu' || name === 'gelu') && node.attrs.activation === 'none' && !node.inputs.residual)
      return { op: linearOp as Op, inputs: node.inputs, attrs: { activation: name } };
    if (name === 'add' && !node.inputs.residual) {
      const residual = next.inputs.a === node.output ? next.inputs.b : next.inputs.a;
      if (isContiguous(residual) && sameRows(residual, node))
        return { op: linearOp as Op, inputs: { ...node.inputs, residual }, attrs: node.attrs };
    }
    return undefined;
  },
};

function sameRows(residual: Tensor, node: Node<LinearAttrs>): boolean {
  return (
    residual !== node.output && sameDim(rows(residual), rows(node.output)) && width(residual) === width(node.output)
  );
}

/**
 * x·Wᵀ + bias. x (…, K), weight (N, K), bias (N) → (…, N); of several weights the results side by side. Errors: GraphError when shapes do not fit.
 */
export function linear(x: Tensor, weight: Tensor | readonly Tensor[], bias: Tensor | readonly Tensor[] = []): Tensor {
  const weights = [weight].flat();
  const biases = [bias].flat();
  const numbered = (name: string, list: readonly Tensor[]) =>
    Object.fromEntries(list.map((tensor, i) => [i === 0 ? name : `${name}.${i}`, tensor]));
  const inputs = { ...numbered('weight', weights), ...numbered('bias', biases) };
  checkFloats('linear', { x, ...inputs });
  for (const { shape, name } of weights)
    if (shape.length !== 2 || shape[1] !== width(x))
      throw new GraphError(`[linear] weight must be [N, ${width(x)}] but got [${shape.join(', ')}] (${name})`);
  if (weights.length === 0 || (biases.length > 0 && biases.length !== weights.length))
    throw new GraphError(
      `[linear] there must be a bias for each weight or none but there are ${biases.length} for ${weights.length}`,
    );
  biases.forEach((b, i) => checkShape('linear', `bias ${b.name}`, b, [weights[i].shape[0]]));
  const columns = weights.reduce((sum, { shape }) => sum + (shape[0] as number), 0);
  return call(linearOp, { x, ...inputs }, { activation: 'none' }, { shape: [...x.shape.slice(0, -1), columns] });
}
