/** linear(x, weight, bias?): x·Wᵀ + bias, with activation and residual taken over by fusion. x (…, K), weight (N, K), bias (N); or several of them side by side. */
import type { Activation } from '../../../shaders/activation.ts';
import type { MatrixStorage } from '../../../shaders/common.ts';
import { linearShader, linearTile } from '../../../shaders/linear.ts';
import { linearMatvecShader, matvecOutputs } from '../../../shaders/linear_matvec.ts';
import type { LinearOptions } from '../../../shaders/linear_parts.ts';
import {
  type LinearSubgroupOptions,
  type SubgroupLanes,
  linearSubgroupShader,
  subgroupColumns,
  subgroupDepth,
} from '../../../shaders/linear_subgroup.ts';
import { GraphError } from '../errors.ts';
import { type Dim, ceilDiv, divisible, maximum, mul, sameDim } from '../extent.ts';
import type { Node } from '../graph.ts';
import {
  type Dispatch,
  type Limits,
  type Lowering,
  type Op,
  type Operand,
  type WeightOperand,
  call,
  checkShape,
} from '../op.ts';
import { splitRows } from '../split.ts';
import { type Tensor, isAligned, isContiguous, placement, rows, width } from '../tensor.ts';
import { checkFloats } from './check_floats.ts';
import { columnLanes } from './column_blocks.ts';

interface LinearAttrs {
  readonly activation: Activation;
}

const linearOp: Op<LinearAttrs> = {
  name: 'linear',
  flops: ({ inputs, output }) => mul(2, rows(output), width(output), width(inputs.x)),
  // stretches of rows also keep x within an image, so that all passes of a model read one copy of the weight
  split: (node, limits) =>
    splitRows(node, ['x', 'residual'], limits, lanesOf(node, limits) === 8 ? limits.maxTextureDimension2D : Infinity),
  lower(node, context) {
    const lanes = lanesOf(node, context.limits);
    if (lanes) return lowerSubgroup(node, context, lanes);
    // one row known when compiling reads the weights fastest; for all others, a stretch of one among them, the sum's order is one
    const single = rows(node.inputs.x) === 1 && node.output.view === undefined;
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

/** Lanes of the kernel that reads the weights in blocks of columns, where they are kept so and x lies as it wants it. */
function lanesOf({ inputs }: Node<LinearAttrs>, limits: Limits): SubgroupLanes | undefined {
  const { offset, stride } = placement(inputs.x);
  const [lanes, ...others] = new Set(listOf(inputs, 'weight').map((weight) => columnLanes(weight, limits)));
  const steps = lanes && divisible(offset, 4) && divisible(stride, subgroupDepth[lanes]);
  return steps && others.length === 0 ? lanes : undefined;
}

function lowerSubgroup(
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

/** The inputs called `name`, `name.1`, `name.2`, … */
function listOf(inputs: Readonly<Record<string, Tensor>>, name: string): Tensor[] {
  return Object.keys(inputs)
    .filter((key) => key === name || key.startsWith(`${name}.`))
    .map((key) => inputs[key]);
}

/** What one dispatch reads of the weights: rows of them from `start` on. */
interface WeightPart {
  readonly weight: WeightOperand;
  readonly part: number;
  readonly start: number;
  readonly rows: number;
}

/** Weights side by side are joined where they fit a binding and leave no gaps; otherwise each is read by itself. */
function partsOf(
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

function biasOf(inputs: Readonly<Record<string, Tensor>>, context: Lowering): WeightOperand | undefined {
  const biases = listOf(inputs, 'bias');
  return biases.length > 0 ? context.weight(biases, { dtype: 'f32' }) : undefined;
}

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
