/** linear(x, weight, bias?): x·Wᵀ + bias, with activation and residual taken over by fusion. x (…, K), weight (N, K), bias (N). */
import type { Activation } from '../../../shaders/activation.ts';
import { type LinearOptions, linearShader, linearTile } from '../../../shaders/linear.ts';
import { linearMatvecShader, matvecOutputs } from '../../../shaders/linear_matvec.ts';
import { GraphError } from '../errors.ts';
import { ceilDiv, mul, sameDim } from '../extent.ts';
import type { Node } from '../graph.ts';
import { type Op, call, checkShape } from '../op.ts';
import { type Tensor, isAligned, isContiguous, placement, rows, width } from '../tensor.ts';

interface LinearAttrs {
  readonly activation: Activation;
}

const linearOp: Op<LinearAttrs> = {
  name: 'linear',
  flops: ({ inputs, output }) => mul(2, rows(output), width(output), width(inputs.x)),
  lower({ inputs, attrs, output }, context) {
    const { x, residual } = inputs;
    const weight = context.weight(inputs.weight, { split: true });
    const bias = inputs.bias && context.weight(inputs.bias, { dtype: 'f32' });
    const [depth, columns] = [width(x), width(output)];
    const options: LinearOptions = {
      weight: weight.dtype as LinearOptions['weight'],
      bias: !!bias,
      residual: !!residual,
      activation: attrs.activation,
      vectorK: isAligned(x, 4),
      vectorN: columns % 4 === 0,
    };
    const { offset, stride } = placement(x);
    // one row known when compiling: the form that reads the weights fastest; the sum's order must not depend on how many rows a run has
    const single = rows(x) === 1;
    return weight.parts.map((part, i) => ({
      label: single ? 'linear_matvec' : 'linear',
      shader: single ? linearMatvecShader(options) : linearShader(options),
      bind: {
        weight: { weight, part: i },
        x: { tensor: x },
        ...(bias && { bias: { weight: bias, part: 0 } }),
        ...(residual && { residual: { tensor: residual } }),
        y: { tensor: output },
      },
      params: {
        rows: rows(x),
        depth,
        columns: part.rows,
        x_offset: offset,
        x_stride: stride,
        y_offset: part.start,
        y_stride: columns,
      },
      groups: single
        ? ceilDiv(part.rows, matvecOutputs)
        : mul(ceilDiv(rows(x), linearTile), ceilDiv(part.rows, linearTile)),
    }));
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

/** x·Wᵀ + bias. x (…, K), weight (N, K), bias (N) → (…, N). Errors: GraphError when shapes do not fit. */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  if (weight.shape.length !== 2 || weight.shape[1] !== width(x))
    throw new GraphError(
      `[linear] weight must be [N, ${width(x)}] but got [${weight.shape.join(', ')}] (${weight.name})`,
    );
  const columns = weight.shape[0] as number;
  if (bias) checkShape('linear', `bias ${bias.name}`, bias, [columns]);
  return call(linearOp, { x, weight, bias }, { activation: 'none' }, { shape: [...x.shape.slice(0, -1), columns] });
}
