/** conv2d(x, weight, bias?, { stride, pad }): a 3×3 or 1×1 convolution of one picture, with residual and upsampling taken over by fusion. */
import { type Conv2dOptions, conv2dShader, conv2dTile } from '../../../shaders/conv2d.ts';
import { conv2dRowsColumns, conv2dRowsShader, conv2dRun } from '../../../shaders/conv2d_rows.ts';
import { conv2dSubgroupDepth, conv2dSubgroupShader, conv2dSubgroupTile } from '../../../shaders/conv2d_subgroup.ts';
import { subgroupColumns, subgroupLanes } from '../../../shaders/linear_subgroup.ts';
import { GraphError } from '../errors.ts';
import { type Dim, ceilDiv, mul, sameDim, shapeText } from '../extent.ts';
import type { Node } from '../graph.ts';
import { fitsFlatImage } from '../images.ts';
import {
  type Dispatch,
  type Limits,
  type Lowering,
  type Op,
  type Operand,
  call,
  checkContiguous,
  checkShape,
} from '../op.ts';
import { greatestCommonDivisor, oversize, stretches } from '../split.ts';
import { type Tensor, isContiguous, rows, width, windowed } from '../tensor.ts';
import { checkFloats } from './check_floats.ts';
import { lowerWinograd } from './conv2d_winograd.ts';

/** Where zeros stand around x: one on all four sides, one to the right and below, or none. */
export type Padding = 'same' | 'corner' | 'none';

interface Conv2dAttrs {
  readonly kernel: number;
  readonly stride: 1 | 2;
  readonly padding: Padding;
  /** x is read as if every pixel stood twice in both directions. */
  readonly upsampled: boolean;
  /** Row of x, as the filter sees it, under the filter's first row at the top: −1 where zeros stand above. */
  readonly top: number;
}

const conv2dOp: Op<Conv2dAttrs> = {
  name: 'conv2d',
  flops: ({ inputs, attrs, output }) => mul(2 * attrs.kernel ** 2, rows(output), width(output), width(inputs.x)),
  split: splitPicture,
  lower(node, context) {
    const { attrs } = node;
    if (bySubgroups(node, context))
      return byWinograd(node, context)
        ? lowerWinograd(node, context, {
            top: attrs.top,
            left: leadingZeros(attrs.padding),
            seen: attrs.upsampled ? 2 : 1,
          })
        : [lowerSubgroup(node, context)];
    return [lowering(node, context) === 'rows' ? lowerRows(node, context) : lowerTile(node, context)];
  },
  absorb(node, next) {
    if (next.op.name !== 'add' || node.inputs.residual) return undefined;
    const residual = next.inputs.a === node.output ? next.inputs.b : next.inputs.a;
    if (residual === node.output || !isContiguous(residual) || !sameShape(residual, node.output)) return undefined;
    return { op: conv2dOp as Op, inputs: { ...node.inputs, residual }, attrs: node.attrs };
  },
  absorbInput(node, name, before) {
    if (name !== 'x' || before.op.name !== 'upsample' || node.attrs.upsampled) return undefined;
    const attrs: Conv2dAttrs = { ...node.attrs, upsampled: true };
    return { op: conv2dOp as Op, inputs: { ...node.inputs, x: before.inputs.x }, attrs };
  },
};

/**
 * Whether subgroups have the size that `conv2d_subgroup` is written for, sizes are what it takes and x can be copied into an image. Narrow models have
 * so little work at a stride of 2 that another kernel takes longer to compile than it saves.
 */
function bySubgroups({ inputs: { x }, attrs, output }: Node<Conv2dAttrs>, context: Lowering): boolean {
  const worth = attrs.stride === 1 || width(x) >= 128;
  const fits = width(x) % conv2dSubgroupDepth === 0 && width(output) % 4 === 0 && worth;
  return context.limits.subgroupSize === subgroupLanes && fits && fitsFlatImage(x, context.limits);
}

/**
 * Which of the kernels without shuffles: `conv2d_rows` where subgroups have four lanes, and for few channels on others, unless the model is so narrow
 * that another kernel takes longer to compile than it saves.
 */
function lowering({ inputs, attrs, output }: Node<Conv2dAttrs>, context: Lowering): 'rows' | 'tile' {
  const [from, to] = [width(inputs.x), width(output)];
  if (from % 4 !== 0) return 'tile';
  const rowsFirst = context.limits.subgroupSize === 4 || (to <= conv2dRowsColumns && from >= 64);
  const { kernel, stride } = attrs;
  // stretches of a large picture are answered alike
  const facts = { kernel, stride, from, to, breadth: output.shape[1], upsampled: attrs.upsampled };
  return context.pick(facts, rowsFirst ? ['rows', 'tile'] : ['tile', 'rows']);
}

/** What both kernels without shuffles are given. */
function operands({ inputs, attrs, output }: Node<Conv2dAttrs>, context: Lowering) {
  const { x, residual } = inputs;
  const weight = context.weight(inputs.weight, { layout: 'ohwi' });
  const bias = inputs.bias && context.weight(inputs.bias, { dtype: 'f32' });
  const [height, breadth, channels] = pictureShape('conv2d', 'x', x);
  const seen = attrs.upsampled ? 2 : 1;
  const bind: Record<string, Operand> = {
    weight: { weight, part: 0 },
    x: { tensor: x },
    ...(bias && { bias: { weight: bias, part: 0 } }),
    residual: { tensor: residual ?? x },
    y: { tensor: output },
  };
  const sizes = { width: output.shape[1], columns: width(output), channels };
  const sight = {
    top: attrs.top,
    left: leadingZeros(attrs.padding),
    x_height: seen * height,
    x_width: seen * breadth,
    shift: seen - 1,
    residual: residual ? 1 : 0,
  };
  return { weight: weight.dtype as Conv2dOptions['weight'], bind, sizes, sight };
}

function lowerTile(node: Node<Conv2dAttrs>, context: Lowering): Dispatch {
  const { attrs, output, inputs } = node;
  const { weight, bind, sizes, sight } = operands(node, context);
  return {
    label: 'conv2d',
    shader: conv2dShader({ weight, bias: !!inputs.bias, vector: sizes.channels % 4 === 0 }),
    bind,
    params: { positions: rows(output), ...sizes, kernel: attrs.kernel, stride: attrs.stride, ...sight },
    groups: mul(ceilDiv(rows(output), conv2dTile), ceilDiv(width(output), conv2dTile)),
  };
}

function lowerRows(node: Node<Conv2dAttrs>, context: Lowering): Dispatch {
  const { attrs, output, inputs } = node;
  const { kernel, stride } = attrs;
  const { weight, bind, sizes, sight } = operands(node, context);
  const [height, breadth, columns] = pictureShape('conv2d', 'y', output);
  const lanes = columns <= conv2dRowsColumns ? 1 : 8;
  const runs = height * Math.ceil(breadth / conv2dRun);
  return {
    label: 'conv2d_rows',
    shader: conv2dRowsShader({ weight, bias: !!inputs.bias, kernel: kernel as 1 | 3, stride, lanes }),
    bind,
    params: { height, ...sizes, ...sight },
    groups: Math.ceil(runs / (64 / lanes)) * Math.ceil(columns / (conv2dRowsColumns * lanes)),
  };
}

function lowerSubgroup({ inputs, attrs, output }: Node<Conv2dAttrs>, context: Lowering): Dispatch {
  const { x, residual } = inputs;
  const weight = context.weight(inputs.weight, { layout: 'ohwi_columns' });
  const bias = inputs.bias && context.weight(inputs.bias, { dtype: 'f32' });
  const [xHeight, xWidth, channels] = pictureShape('conv2d', 'x', x);
  const [height, breadth, columns] = pictureShape('conv2d', 'y', output);
  const seen = attrs.upsampled ? 2 : 1;
  const own: Operand = { weight, part: 0 };
  const tiles = [Math.ceil(height / conv2dSubgroupTile.height), Math.ceil(breadth / conv2dSubgroupTile.width)];
  return {
    label: 'conv2d_subgroup',
    shader: conv2dSubgroupShader({ weight: weight.dtype as Conv2dOptions['weight'], stride: attrs.stride }),
    bind: {
      weight: own,
      x: { image: x, flat: true },
      bias: bias ? { weight: bias, part: 0 } : own,
      residual: residual ? { tensor: residual } : own,
      y: { tensor: output },
    },
    params: {
      height,
      width: breadth,
      columns,
      channels,
      kernel: attrs.kernel,
      top: attrs.top,
      left: leadingZeros(attrs.padding),
      x_height: seen * xHeight,
      x_width: seen * xWidth,
      shift: seen - 1,
      has_bias: bias ? 1 : 0,
      has_residual: residual ? 1 : 0,
    },
    groups: mul(...tiles, Math.ceil(columns / subgroupColumns)),
  };
}

/** Least breadth² · Cin · Cout that pays for compiling three more kernels and for larger weights: a picture of 16² positions and 512 channels. */
const WINOGRAD_WORK = 2 ** 26;

/** Whether two rows of two outputs may be computed together. */
function fitsWinograd({ inputs: { x }, attrs: { kernel, stride }, output }: Node<Conv2dAttrs>): boolean {
  return kernel === 3 && stride === 1 && Math.min(width(x), width(output)) >= 128;
}

function byWinograd(node: Node<Conv2dAttrs>, context: Lowering): boolean {
  const {
    inputs: { x },
    attrs,
    output,
  } = node;
  if (context.frugal || !fitsWinograd(node)) return false;
  const { kernel, stride, upsampled } = attrs;
  const [channels, columns, breadth] = [width(x), width(output), output.shape[1] as number];
  const worth = breadth ** 2 * channels * columns >= WINOGRAD_WORK;
  // stretches of a large picture are answered alike
  const facts = { kernel, stride, channels, columns, breadth, upsampled };
  return context.pick(facts, worth ? ['winograd', 'direct'] : ['direct', 'winograd']) === 'winograd';
}

function leadingZeros(padding: Padding): number {
  return padding === 'same' ? -1 : 0;
}

/** Stretches of the output's rows, each with the rows of x that its filters see. */
function splitPicture(node: Node<Conv2dAttrs>, limits: Limits): Node<Conv2dAttrs>[] {
  const { inputs, attrs, output } = node;
  const { x, residual } = inputs;
  if (![x, residual, output].some((t) => oversize(t, limits))) return [node];
  const [tall, breadth, columns] = pictureShape('conv2d', 'y', output);
  const [height, xBreadth, channels] = pictureShape('conv2d', 'x', x);
  const seen = attrs.upsampled ? 2 : 1;
  const rowsOfX = rowGrain(xBreadth * channels);
  // a row of y goes on by stride/seen rows of x; halo and alignment add a few
  const most = Math.floor(
    ((limits.maxStorageBufferBindingSize / 4 / (xBreadth * channels) - 2 - rowsOfX) * seen) / attrs.stride,
  );
  const by = fitsWinograd(node) ? 2 : 1; // rows that are computed together
  const cut = stretches(Math.ceil(tall / by), [[output, by * breadth * columns]], limits, Math.floor(most / by));
  if (!cut) return [node];
  return cut.map((stretch) => {
    const start = by * stretch.start;
    const count = Math.min(by * (stretch.count as number), tall - start);
    const first = attrs.top + start * attrs.stride; // as the filter sees x
    const last = first + (count - 1) * attrs.stride + attrs.kernel - 1;
    const from = Math.max(0, Math.floor(first / seen));
    const begin = from - (from % rowsOfX);
    const end = Math.min(height, Math.floor(last / seen) + 1);
    const rowsAt = (t: Tensor, row: number, n: Dim) => windowed(t, mul(row, t.shape[1]), [n, t.shape[1], width(t)]);
    return {
      ...node,
      inputs: {
        ...inputs,
        x: rowsAt(x, begin, end - begin),
        ...(residual && { residual: rowsAt(residual, start, count) }),
      },
      attrs: { ...attrs, top: first - begin * seen },
      output: rowsAt(output, start, count),
    };
  });
}

/** Least number of rows of `elements` that are a multiple of what windows begin at. */
function rowGrain(elements: number): number {
  return 64 / greatestCommonDivisor(64, elements);
}

function sameShape(a: Tensor, b: Tensor): boolean {
  return a.shape.length === b.shape.length && a.shape.every((d, i) => sameDim(d, b.shape[i]));
}

/** Height, width and channels of a picture (H, W, C), which are fixed when the graph is built. */
export function pictureShape(op: string, name: string, x: Tensor): readonly [number, number, number] {
  if (x.shape.length !== 3 || !x.shape.every((d) => typeof d === 'number' && d > 0))
    throw new GraphError(`[${op}] ${name} must be a picture [H, W, C] of fixed size but got ${shapeText(x.shape)}`);
  return x.shape as readonly number[] as readonly [number, number, number];
}

export interface Conv2dCall {
  readonly stride?: 1 | 2;
  /** 'same' without for a 3×3 filter, 'none' for 1×1. */
  readonly pad?: Padding;
}

/**
 * x (H, W, Cin), weight (Cout, Cin, k, k) with k = 1 or 3, bias (Cout) → (H', W', Cout), H' = ⌊(H + zeros − k)/stride⌋ + 1.
 * Errors: GraphError when shapes do not fit or the filter is larger than what it slides over.
 */
export function conv2d(x: Tensor, weight: Tensor, bias?: Tensor, options: Conv2dCall = {}): Tensor {
  checkFloats('conv2d', { x, weight, bias });
  const [height, breadth, channels] = pictureShape('conv2d', x.name, x);
  checkContiguous('conv2d', x.name, x);
  const [columns, , kernel] = weight.shape as readonly number[];
  if (kernel !== 1 && kernel !== 3)
    throw new GraphError(
      `[conv2d] weight must be [Cout, ${channels}, k, k] with k = 1 or 3 but got ${shapeText(weight.shape)} (${weight.name})`,
    );
  checkShape('conv2d', `weight ${weight.name}`, weight, [columns, channels, kernel, kernel]);
  if (bias) checkShape('conv2d', `bias ${bias.name}`, bias, [columns]);
  const { stride = 1, pad: padding = kernel === 3 ? 'same' : 'none' } = options;
  if ((stride !== 1 && stride !== 2) || !['same', 'corner', 'none'].includes(padding))
    throw new GraphError(
      `[conv2d] stride must be 1 or 2 and pad 'same', 'corner' or 'none' but they are ${String(stride)} and '${String(padding)}'`,
    );
  const zeros = { same: 2, corner: 1, none: 0 }[padding];
  const [y, z] = [height, breadth].map((n) => Math.floor((n + zeros - kernel) / stride) + 1);
  if (y < 1 || z < 1)
    throw new GraphError(
      `[conv2d] ${x.name} ${shapeText(x.shape)} must hold the ${kernel}×${kernel} filter of ${weight.name} with padding '${padding}'`,
    );
  const attrs: Conv2dAttrs = { kernel, stride, padding, upsampled: false, top: leadingZeros(padding) };
  return call(conv2dOp, { x, weight, bias }, attrs, { shape: [y, z, columns] });
}
