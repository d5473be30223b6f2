/** Lowering of linear to the kernels that read weights as the checkpoint has them, row by row. */
import type { MatrixStorage } from '../../../shaders/common.ts';
import { linearShader, linearTile } from '../../../shaders/linear.ts';
import { linearMatvecShader, matvecOutputs } from '../../../shaders/linear_matvec.ts';
import type { EpilogueOptions, LinearOptions } from '../../../shaders/linear_parts.ts';
import { linearSumShader, sumLanes } from '../../../shaders/linear_sum.ts';
import { linearTileShader } from '../../../shaders/linear_tile.ts';
import { type Dim, ceilDiv, mul } from '../extent.ts';
import type { Node } from '../graph.ts';
import type { Dispatch, Limits, Lowering } from '../op.ts';
import { isAligned, placement, rows, width } from '../tensor.ts';
import { isSoftware } from './adapter_class.ts';
import { type LinearAttrs, biasOf, partsOf } from './linear_operands.ts';
import { type ProductFacts, TILES, type TileForm, tileForm } from './linear_tiles.ts';

export function lowerRows({ inputs, attrs, output }: Node<LinearAttrs>, context: Lowering): Dispatch[] {
  const { x, residual } = inputs;
  const height = rows(x);
  const parts = partsOf(inputs, context, 'rows');
  const bias = biasOf(inputs, context);
  const columns = width(output);
  const epilogue: EpilogueOptions = {
    bias: !!bias,
    residual: !!residual,
    activation: attrs.activation,
    vectorN: parts.every(({ start, rows: own }) => start % 4 === 0 && own % 4 === 0),
  };
  const vectorK = isAligned(x, 4);
  const facts: ProductFacts = { columns, depth: width(x), weight: parts[0].weight.dtype };
  // one row known when compiling reads the weights fastest; for all others, a stretch of one among them, the sum's order is one
  const single = height === 1 && output.view === undefined;
  const kernel = single
    ? matvec(facts, context)
    : vectorK && !isSoftware(context.limits)
      ? gpuKernel(tileForm(height, facts, context), context.limits)
      : plain;
  const { offset, stride } = placement(x);
  return parts.flatMap(({ weight, part, start, rows: own }): Dispatch[] => {
    const chunks = kernel.chunk && kernel.apart ? Math.ceil(width(x) / kernel.chunk) : undefined;
    const sums = chunks && context.scratch('linear.chunks', [chunks, height, 4 * Math.ceil(own / 4)]);
    const after = {
      ...(bias && { bias: { weight: bias, part: 0 } }),
      ...(residual && { residual: { tensor: residual } }),
      y: { tensor: output },
    };
    const place = { rows: height, columns: own, y_offset: start, y_stride: columns };
    const product: Dispatch = {
      label: kernel.label,
      shader: kernel.make({ ...(sums ? NOTHING : epilogue), vectorK, weight: weight.dtype as MatrixStorage }),
      bind: { weight: { weight, part }, x: { tensor: x }, ...(sums ? { y: { tensor: sums } } : after) },
      params: {
        ...place,
        depth: width(x),
        x_offset: offset,
        x_stride: stride,
        ...(kernel.chunk && { chunk: kernel.chunk }),
      },
      groups: mul(chunks ?? 1, kernel.groups(height, own)),
    };
    if (!sums) return [product];
    const sum: Dispatch = {
      label: 'linear_sum',
      shader: linearSumShader(epilogue),
      bind: { x: { tensor: sums }, ...after },
      params: { ...place, chunks },
      groups: ceilDiv(mul(height, Math.ceil(own / 4)), sumLanes),
    };
    return [product, sum];
  });
}

/** Nothing after the sum. */
const NOTHING: EpilogueOptions = { bias: false, residual: false, activation: 'none', vectorN: true };

interface Kernel {
  readonly label: string;
  readonly make: (options: LinearOptions) => string;
  readonly groups: (rows: Dim, columns: number) => Dim;
  /** Steps of K that are added up by themselves, where K is split; `apart`, by workgroups of their own. */
  readonly chunk?: number;
  readonly apart?: boolean;
}

/** Of 32×32 outputs, straight from storage. */
const plain: Kernel = {
  label: 'linear',
  make: linearShader,
  groups: (rows, columns) => mul(ceilDiv(rows, linearTile), ceilDiv(columns, linearTile)),
};

/** For one row. The more lanes share an output, the more of a GPU a small product fills; they add in another order. */
function matvec(facts: ProductFacts, context: Lowering): Kernel {
  const lanes = isSoftware(context.limits)
    ? 8
    : context.pick({ ...facts }, ['lanes_32', 'lanes_8']) === 'lanes_32'
      ? 32
      : 8;
  return {
    label: 'linear_matvec',
    make: (options) => linearMatvecShader({ ...options, lanes }),
    groups: (_, columns) => ceilDiv(columns, matvecOutputs[lanes]),
  };
}

function gpuKernel(form: TileForm | 'matrix', { matrixKernel: matrix }: Limits): Kernel {
  if (form === 'matrix')
    return {
      label: 'linear_matrix',
      make: (options) => matrix!.shader(options),
      groups: (rows, columns) => mul(ceilDiv(rows, matrix!.tile), ceilDiv(columns, matrix!.tile)),
    };
  const { tile: name, chunk, apart } = form;
  const tile = TILES[name];
  const sum = apart ? 'chunk' : chunk ? 'chunks' : 'whole';
  return {
    label: 'linear_tile',
    make: (options) => linearTileShader({ ...options, tile, sum }),
    groups: (rows, columns) => mul(ceilDiv(rows, tile.rows), ceilDiv(columns, tile.columns)),
    chunk,
    apart,
  };
}
