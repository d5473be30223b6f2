/** Lowering of linear to the kernel for subgroups of eight or four lanes, which reads weights in blocks of columns. */
import type { MatrixStorage } from '../../../shaders/common.ts';
import {
  type LinearSubgroupOptions,
  type SubgroupLanes,
  linearSubgroupShader,
  subgroupDepth,
} from '../../../shaders/linear_subgroup.ts';
import { type Dim, ceilDiv, divisible, maximum, mul } from '../extent.ts';
import type { Node } from '../graph.ts';
import type { Dispatch, Limits, Lowering, Operand } from '../op.ts';
import { placement, rows, width } from '../tensor.ts';
import { columnLanes } from './column_blocks.ts';
import { type LinearAttrs, biasOf, listOf, partsOf } from './linear_operands.ts';

/** Lanes of the kernel that reads the weights in blocks of columns, where they are kept so and x lies as it wants it. */
export function lanesOf({ inputs }: Node<LinearAttrs>, limits: Limits): SubgroupLanes | undefined {
  const { offset, stride } = placement(inputs.x);
  const [lanes, ...others] = new Set(listOf(inputs, 'weight').map((weight) => columnLanes(weight, limits)));
  const steps = lanes && divisible(offset, 4) && divisible(stride, subgroupDepth[lanes]);
  return steps && others.length === 0 ? lanes : undefined;
}

export function lowerColumns(
  { inputs, attrs, output }: Node<LinearAttrs>,
  context: Lowering,
  lanes: SubgroupLanes,
): Dispatch[] {
  const { x, residual } = inputs;
  const { offset, stride } = placement(x);
  const parts = partsOf(inputs, context, 'columns');
  const bias = biasOf(inputs, context);
  const columns = width(output);
  const tile = tileOf(rows(x), lanes, { columns, depth: width(x), weight: parts[0].weight.dtype }, context);
  return parts.map(({ weight, part, start, rows: own }) => {
    const weights: Operand = { weight, part };
    return {
      label: 'linear_subgroup',
      shader: linearSubgroupShader({
        weight: weight.dtype as MatrixStorage,
        activation: attrs.activation,
        ...tile,
        lanes,
      }),
      bind: {
        weight: weights,
        x: lanes === 8 ? { image: x } : { tensor: x },
        bias: bias ? { weight: bias, part: 0 } : weights,
        residual: residual ? { tensor: residual } : weights,
        y: { tensor: output },
      },
      params: {
        rows: rows(x),
        depth: width(x),
        columns: own,
        ...(lanes === 4 && { x_offset: offset, x_stride: stride }),
        y_offset: start,
        y_stride: columns,
        has_bias: bias ? 1 : 0,
        has_residual: residual ? 1 : 0,
      },
      groups: mul(ceilDiv(rows(x), tile.rows), ceilDiv(own, 4 * lanes * tile.blocks)),
    };
  });
}

/** Rows of a workgroup and the blocks of columns that share x. */
const TILES = {
  rows_32_blocks_2: { rows: 32, blocks: 2 },
  rows_16_blocks_2: { rows: 16, blocks: 2 },
  rows_32: { rows: 32, blocks: 1 },
  rows_16: { rows: 16, blocks: 1 },
  rows_8: { rows: 8, blocks: 1 },
  rows_4: { rows: 4, blocks: 1 },
  rows_1_blocks_2: { rows: 1, blocks: 2 },
  rows_1: { rows: 1, blocks: 1 },
} as const;
type TileName = keyof typeof TILES;
type Tile = Pick<LinearSubgroupOptions, 'rows' | 'blocks'>;

/** What the best tile depends on, beside the rows. */
interface TileFacts {
  readonly columns: number;
  readonly depth: number;
  readonly weight: string;
}

/**
 * The tile of a workgroup; all of them give the same bits. Large ones read weight and x least often and take the longest to compile (up to three times
 * as long as 16 rows), so by default they are for large products, and where the rows fill them.
 */
function tileOf(height: Dim, lanes: SubgroupLanes, facts: TileFacts, context: Lowering): Tile {
  const most = maximum(height);
  const pick = (...names: [TileName, ...TileName[]]) => TILES[context.pick({ rows: height, ...facts }, names)];
  if (most === 1)
    return lanes === 4
      ? TILES.rows_1
      : facts.columns >= 2048
        ? pick('rows_1_blocks_2', 'rows_1')
        : pick('rows_1', 'rows_1_blocks_2');
  if (most <= 8) return pick('rows_8', 'rows_4');
  if (most <= 16 || lanes === 4) return pick('rows_16', 'rows_8');
  if (Math.min(facts.columns, facts.depth) >= 512)
    return most <= 32 || most >= 96
      ? pick('rows_32_blocks_2', 'rows_16_blocks_2', 'rows_32', 'rows_16')
      : pick('rows_16_blocks_2', 'rows_32_blocks_2', 'rows_32', 'rows_16', 'rows_8');
  return most <= 32 || most >= 256
    ? pick('rows_32', 'rows_16', 'rows_16_blocks_2', 'rows_32_blocks_2', 'rows_8')
    : pick('rows_16', 'rows_16_blocks_2', 'rows_32', 'rows_32_blocks_2', 'rows_8');
}
