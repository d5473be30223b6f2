/** linear(x, weight, bias?): x·Wᵀ + bias, with activation and residual taken over by fusion. x (…, K), weight (N, K), bias (N). */
import type { Activation } from '../../../shaders/activation.ts';
import type { Storage } from '../../../shaders/common.ts';
import { type LinearOptions, linearShader, linearTile } from '../../../shaders/linear.ts';
import { linearMatvecShader, matvecOutputs } from '../../../shaders/linear_matvec.ts';
import { linearMatvecColumnsShader } from '../../../shaders/linear_matvec_columns.ts';
import {
  linearSubgroupShader,
  subgroupColumns,
  subgroupDepth,
  subgroupLanes,
} from '../../../shaders/linear_subgroup.ts';
import { GraphError } from '../errors.ts';
import { ceilDiv, divisible, maximum, mul, sameDim } from '../extent.ts';
import type { Node } from '../graph.ts';
import { type Dispatch, type Lowering, type Op, type Operand, call, checkShape } from '../op.ts';
import { type Tensor, isAligned, isContiguous, placement, rows, width } from '../tensor.ts';
import { checkFloats } from './check_floats.ts';

interface LinearAttrs {
  readonly activation: Activation;
}

const linearOp: Op<LinearAttrs> = {
  name: 'linear',
  flops: ({ inputs, output }) => mul(2, rows(output), width(output), width(inputs.x)),
  lower(node, context) {
    const single = rows(node.inputs.x) === 1;
    // one row known when compiling reads the weights fastest; for all others the sum's order is one, whatever their rows
    if (inColumns(node, context)) return single ? lowerMatvecColumns(node, context) : lowerSubgroup(node, context);
    return lowerPlain(node, context, single ? 'linear_matvec' : 'linear');
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

function lowerPlain(
  { inputs, attrs, output }: Node<LinearAttrs>,
  context: Lowering,
  label: 'linear' | 'linear_matvec',
): Dispatch[] {
  const { x, residual } = inputs;
  const weight = context.weight(inputs.weight, { split: true });
  const bias = inputs.bias && context.weight(inputs.bias, { dtype: 'f32' });
  const columns = width(output);
  const options: LinearOptions = {
    weight: weight.dtype as Storage,
    bias: !!bias,
    residual: !!residual,
    activation: attrs.activation,
    vectorK: isAligned(x, 4),
    vectorN: columns % 4 === 0,
  };
  const single = label === 'linear_matvec';
  const { offset, stride } = placement(x);
  return weight.parts.map((part, i) => ({
    label,
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
      depth: width(x),
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
}

/**
 * Whether the weight is kept in blocks of columns: subgroups have the size that the kernel is written for, and x can be copied into an image. It
 * must not follow the rows of a pass, so that all passes of a model share one copy; a table that rows are gathered from stays as it is.
 */
function inColumns({ inputs: { x, weight }, output }: Node<LinearAttrs>, { subgroupSize, limits }: Lowering): boolean {
  const { offset, stride } = placement(x);
  const copies = width(x) % subgroupDepth === 0 && divisible(offset, 4) && divisible(stride, subgroupDepth);
  const fits = Math.max(maximum(rows(x)), width(x) / 4) <= limits.maxTextureDimension2D;
  const table = x.graph.nodes.some((n) => n.op.name === 'gather' && Object.values(n.inputs).includes(weight));
  return subgroupSize === subgroupLanes && copies && fits && width(output) % 4 === 0 && !table;
}

function lowerMatvecColumns({ inputs, attrs, output }: Node<LinearAttrs>, context: Lowering): Dispatch[] {
  const { x, residual } = inputs;
  const weight = context.weight(inputs.weight, { layout: 'columns', split: true });
  const bias = inputs.bias && context.weight(inputs.bias, { dtype: 'f32' });
  const own: Operand = { tensor: x };
  return weight.parts.map((part, i) => ({
    label: 'linear_matvec',
    shader: linearMatvecColumnsShader({ weight: weight.dtype as Storage, activation: attrs.activation }),
    bind: {
      weight: { weight, part: i },
      x: own,
      bias: bias ? { weight: bias, part: 0 } : own,
      residual: residual ? { tensor: residual } : own,
      y: { tensor: output },
    },
    params: {
      depth: width(x),
      columns: part.rows,
      x_offset: placement(x).offset,
      y_offset: part.start,
      has_bias: bias ? 1 : 0,
      has_residual: residual ? 1 : 0,
    },
    groups: ceilDiv(part.rows, subgroupColumns),
  }));
}

function lowerSubgroup({ inputs, attrs, output }: Node<LinearAttrs>, context: Lowering): Dispatch[] {
  const { x, residual } = inputs;
  const weight = context.weight(inputs.weight, { layout: 'columns', split: true });
  const bias = inputs.bias && context.weight(inputs.bias, { dtype: 'f32' });
  const columns = width(output);
  const tile = maximum(rows(x)) > 256 ? 16 : 8;
  return weight.parts.map((part, i) => {
    const own: Operand = { weight, part: i };
    return {
      label: 'linear_subgroup',
      shader: linearSubgroupShader({ weight: weight.dtype as Storage, activation: attrs.activation, rows: tile }),
      bind: {
        weight: own,
        x: { image: x },
        bias: bias ? { weight: bias, part: 0 } : own,
        residual: residual ? { tensor: residual } : own,
        y: { tensor: output },
      },
      params: {
        rows: rows(x),
        depth: width(x),
        columns: part.rows,
        y_offset: part.start,
        y_stride: columns,
        has_bias: bias ? 1 : 0,
        has_residual: residual ? 1 : 0,
      },
      groups: mul(ceilDiv(rows(x), tile), ceilDiv(part.rows, subgroupColumns)),
    };
  });
}

function sameRows(residual: Tensor, node: Node<LinearAttrs>): boolean {
  return (
    residual !== node.output && sameDim(rows(residual), rows(node.output)) && width(residual) === width(node.output)
  );
}

/** x·Wᵀ + bias. x (…, K), weight (N, K), bias (N) → (…, N). Errors: GraphError when shapes do not fit. */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  checkFloats('linear', { x, weight, bias });
  if (weight.shape.length !== 2 || weight.shape[1] !== width(x))
    throw new GraphError(
      `[linear] weight must be [N, ${width(x)}] but got [${weight.shape.join(', ')}] (${weight.name})`,
    );
  const columns = weight.shape[0] as number;
  if (bias) checkShape('linear', `bias ${bias.name}`, bias, [columns]);
  return call(linearOp, { x, weight, bias }, { activation: 'none' }, { shape: [...x.shape.slice(0, -1), columns] });
}
