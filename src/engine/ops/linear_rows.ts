/** Lowering of linear to the kernels that read weights as the checkpoint has them, row by row. */
import type { MatrixStorage } from '../../../shaders/common.ts';
import { linearShader, linearTile } from '../../../shaders/linear.ts';
import { linearMatvecShader, matvecOutputs } from '../../../shaders/linear_matvec.ts';
import type { LinearOptions } from '../../../shaders/linear_parts.ts';
import { type LinearTile, linearTileShader } from '../../../shaders/linear_tile.ts';
import type { Facts } from '../choice.ts';
import { type Dim, ceilDiv, maximum, mul } from '../extent.ts';
import type { Node } from '../graph.ts';
import type { Dispatch, Limits, Lowering } from '../op.ts';
import { isAligned, placement, rows, width } from '../tensor.ts';
import { type LinearAttrs, biasOf, partsOf } from './linear_operands.ts';

/** Tiles of workgroup memory: of 64, 256 and 256 invocations, in 8, 16 and 16 KiB. */
const TILES = {
  tile_32: { rows: 32, columns: 32, quads: 1, depth: 32 },
  tile_64: { rows: 64, columns: 64, quads: 1, depth: 32 },
  tile_128: { rows: 128, columns: 128, quads: 2, depth: 16 },
} as const satisfies Record<string, LinearTile>;

/** `rows`: straight from storage, in tiles of registers. */
type Form = 'rows' | keyof typeof TILES;

export function lowerRows({ inputs, attrs, output }: Node<LinearAttrs>, context: Lowering): Dispatch[] {
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
  // one row known when compiling reads the weights fastest; for all others, a stretch of one among them, the sum's order is one
  const single = rows(x) === 1 && output.view === undefined;
  const facts = { columns, depth: width(x), weight: parts[0].weight.dtype };
  const { label, make, groups } = single
    ? matvec(facts, context)
    : kernelOf(options.vectorK ? formOf(rows(x), facts, context) : 'rows');
  const { offset, stride } = placement(x);
  return parts.map(({ weight, part, start, rows: own }) => ({
    label,
    shader: make({ ...options, weight: weight.dtype as MatrixStorage }),
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
    groups: groups(rows(x), own),
  }));
}

interface Kernel {
  readonly label: string;
  readonly make: (options: LinearOptions) => string;
  readonly groups: (rows: Dim, columns: number) => Dim;
}

/** For one row. The more lanes share an output, the more of a GPU a small product fills; they add in another order. */
function matvec(facts: Facts, context: Lowering): Kernel {
  const lanes = isSoftware(context.limits) ? 8 : context.pick(facts, ['lanes_32', 'lanes_8']) === 'lanes_32' ? 32 : 8;
  return {
    label: 'linear_matvec',
    make: (options) => linearMatvecShader({ ...options, lanes }),
    groups: (_, columns) => ceilDiv(columns, matvecOutputs[lanes]),
  };
}

function kernelOf(form: Form): Kernel {
  const tile = form === 'rows' ? { rows: linearTile, columns: linearTile } : TILES[form];
  return {
    label: form === 'rows' ? 'linear' : 'linear_tile',
    make: form === 'rows' ? linearShader : (options) => linearTileShader({ ...options, tile: TILES[form] }),
    groups: (rows, columns) => mul(ceilDiv(rows, tile.rows), ceilDiv(columns, tile.columns)),
  };
}

/**
 * The kernel for several rows; all give the same bits. GPUs get the tile that the rows fill, NVIDIA's, which have registers enough, the large one where
 * there are many of it. Software adapters have no memory that is faster than storage: there tiles take 2.5 times as long.
 */
function formOf(height: Dim, facts: Facts & { columns: number }, context: Lowering): Form {
  if (isSoftware(context.limits)) return 'rows';
  const most = maximum(height);
  const pick = (...names: [Form, ...Form[]]) => context.pick({ rows: height, ...facts }, names);
  if (most <= 32) return pick('tile_32', 'tile_64', 'rows');
  const many = Math.ceil(most / 128) * Math.ceil(facts.columns / 128) >= 64;
  return many && context.limits.vendor === 'nvidia'
    ? pick('tile_128', 'tile_64', 'tile_32')
    : pick('tile_64', 'tile_128', 'tile_32');
}

/** Names that software adapters give themselves. Only they have subgroups of four or eight lanes and of no other size. */
const isSoftware = ({ subgroupSize, architecture }: Limits): boolean =>
  subgroupSize === 4 || subgroupSize === 8 || architecture === 'software' || architecture === 'swiftshader';
