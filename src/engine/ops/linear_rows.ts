/** Lowering of linear to the kernels that read weights as the checkpoint has them, row by row. */
import type { MatrixStorage } from '../../../shaders/common.ts';
import { linearShader, linearTile } from '../../../shaders/linear.ts';
import { linearMatvecShader, matvecOutputs } from '../../../shaders/linear_matvec.ts';
import type { LinearOptions } from '../../../shaders/linear_parts.ts';
import { ceilDiv, mul } from '../extent.ts';
import type { Node } from '../graph.ts';
import type { Dispatch, Lowering } from '../op.ts';
import { isAligned, placement, rows, width } from '../tensor.ts';
import { type LinearAttrs, biasOf, partsOf } from './linear_operands.ts';

export function lowerRows(
  { inputs, attrs, output }: Node<LinearAttrs>,
  context: Lowering,
  label: 'linear' | 'linear_matvec',
): Dispatch[] {
  const { x, residual } = inputs;
  const parts = partsOf(inputs, context, 'rows');
  const bias = biasOf(inputs, context);
  const columns = width(output);
  const options: Omit<LinearOptions, 'weight'> = {
    bias: !!bias,
    residual: !!residual,
    activation: attrs.activation,
    vectorK: isAligned(x, 4),
    vectorN: parts.every(({ start, rows: own }) => start % 4 === 0 && own % 4 === 0),
  };
  const single = label === 'linear_matvec';
  const { offset, stride } = placement(x);
  return parts.map(({ weight, part, start, rows: own }) => ({
    label,
    shader: (single ? linearMatvecShader : linearShader)({ ...options, weight: weight.dtype as MatrixStorage }),
    bind: {
      weight: { weight, part },
      x: { tensor: x },
      ...(bias && { bias: { weight: bias, part: 0 } }),
      ...(residual && { residual: { tensor: residual } }),
      y: { tensor: output },
    },
    params: {
      rows: rows(x),
      depth: width(x),
      columns: own,
      x_offset: offset,
      x_stride: stride,
      y_offset: start,
      y_stride: columns,
    },
    groups: single ? ceilDiv(own, matvecOutputs) : mul(ceilDiv(rows(x), linearTile), ceilDiv(own, linearTile)),
  }));
}
