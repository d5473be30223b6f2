/** A tensor: the description of a value in a graph. It owns nothing; where its elements live is the plan's business. */
import { type Dtype, bytesOf } from './dtype.ts';
import { GraphError, OvertoneError } from './errors.ts';
import { type Dim, add, ceilDiv, divisible, isDim, maximum, mul, sameDim, shapeText } from './extent.ts';
import type { Graph, Node } from './graph.ts';

/** Where windows may begin: WebGPU's default minStorageBufferOffsetAlignment. */
export const WINDOW_BYTES = 256;

export type Role = 'weight' | 'input' | 'state' | 'intermediate';

/** Where a view's elements lie in its base, read as rows: element (r, c) of the view is base[window + offset + r·stride + c]. */
export interface View {
  readonly base: Tensor;
  /** Where the part of the base begins that a kernel is given, elements; a multiple of 256 bytes. Without, at the start. */
  readonly window?: Dim;
  readonly offset: Dim;
  readonly stride: Dim;
}

export interface Tensor {
  readonly graph: Graph;
  readonly id: number;
  name: string;
  readonly dtype: Dtype;
  readonly shape: readonly Dim[];
  readonly role: Role;
  /** The op that computes it; none for weights, inputs, states and views. */
  source?: Node;
  readonly view?: View;
}

/** Number of elements. */
export function count(x: Tensor): Dim {
  return mul(...x.shape);
}

/** The last axis. */
export function width(x: Tensor): number {
  const last = x.shape[x.shape.length - 1];
  if (typeof last !== 'number')
    throw new GraphError(`[${x.name}] last axis must be a fixed width but got ${String(last)}`);
  return last;
}

/** Product of all axes but the last. */
export function rows(x: Tensor): Dim {
  return mul(...x.shape.slice(0, -1));
}

/** The tensor whose memory `x` lies in: itself, unless it is a view or continues a state. */
export function root(x: Tensor): Tensor {
  while (x.view) x = x.view.base;
  return x;
}

/** Offset of a vector's first element from the start of its window. */
export function vectorOffset(x: Tensor): Dim {
  return x.view?.offset ?? 0;
}

/** First element of the root that a kernel is given of `x`. */
export function windowStart(x: Tensor): Dim {
  return x.view?.window ?? 0;
}

/** Offset (from the start of its window) and row stride of `x` in its root, in elements. */
export function placement(x: Tensor): { offset: Dim; stride: Dim } {
  return x.view ? { offset: x.view.offset, stride: x.view.stride } : { offset: 0, stride: width(x) };
}

/** Whether rows follow each other without gaps from the start of the window. */
export function isContiguous(x: Tensor): boolean {
  return !x.view || (x.view.offset === 0 && sameDim(x.view.stride, width(x)));
}

/** Whether rows can be read in groups of `n` elements. */
export function isAligned(x: Tensor, n: number): boolean {
  const { offset, stride } = placement(x);
  return width(x) % n === 0 && divisible(offset, n) && divisible(stride, n);
}

function viewOf(x: Tensor, shape: readonly Dim[], offset: Dim, stride: Dim, name: string): Tensor {
  return x.graph.add({ name, dtype: x.dtype, shape, role: root(x).role, view: { base: root(x), offset, stride } });
}

/** Columns [start, start + count) of the last axis; a view, no copy. */
export function columns(x: Tensor, start: number, count: number): Tensor {
  const { offset, stride } = placement(x);
  if (![start, count].every(Number.isSafeInteger) || start < 0 || count < 1 || start + count > width(x))
    throw new GraphError(
      `[columns] ${x.name} must hold ${count} columns from ${start} on, whole numbers, but has ${width(x)}`,
    );
  return viewOf(
    x,
    [...x.shape.slice(0, -1), count],
    add(offset, start),
    stride,
    `${x.name}[:, ${start}:${start + count}]`,
  );
}

/**
 * `count` rows from row `start` of x read as (rows, width); a view of shape (count, width). Errors: GraphError for rows that x never has. Where
 * both depend on extents, each must fit by itself; that they fit together is up to the run.
 */
export function rowRange(x: Tensor, start: Dim, count: Dim): Tensor {
  const fits = isDim(start) && isDim(count) && rowsNeeded(start, count).every((needed) => needed <= maximum(rows(x)));
  if (!fits)
    throw new GraphError(
      `[row_range] ${x.name} must hold ${String(count)} rows from ${String(start)} on but has ${String(rows(x))}`,
    );
  const { offset, stride } = placement(x);
  return viewOf(
    x,
    [count, width(x)],
    add(offset, mul(start, stride)),
    stride,
    `${x.name}[${String(start)}:+${String(count)}]`,
  );
}

function rowsNeeded(start: Dim, count: Dim): number[] {
  const [first, most] = [maximum(start), maximum(count)];
  return typeof start === 'number' || typeof count === 'number' ? [first + most] : [first, most];
}

/** Another shape over the same elements; a strided view keeps its last axis. */
export function reshape(x: Tensor, shape: readonly Dim[]): Tensor {
  if (!shape.every(isDim))
    throw new GraphError(
      `[reshape] ${x.name} must get whole dimensions from 0 up but got [${(shape as readonly unknown[]).map(String).join(', ')}]`,
    );
  if (!sameDim(mul(...shape), count(x)))
    throw new GraphError(
      `[reshape] ${x.name} ${shapeText(x.shape)} must keep its elements but got ${shapeText(shape)}`,
    );
  const last = shape[shape.length - 1];
  const { offset, stride } = placement(x);
  if (sameDim(last, width(x))) return viewOf(x, shape, offset, stride, x.name);
  if (!isContiguous(x))
    throw new GraphError(`[reshape] ${x.name} must be contiguous to change its last axis; it is a strided view`);
  return viewOf(x, shape, 0, last, x.name);
}

/** The elements of a contiguous `x` as one vector. */
export function flattened(x: Tensor): Tensor {
  return viewOf(x, [count(x)], 0, 1, x.name);
}

/**
 * `x` from its row `start` on, as `shape` of the same width, seen through a window of its root that begins there, or up to 255 bytes earlier. For
 * tensors that are larger than a binding may be. A vector's rows are its elements. Errors: OvertoneError `memory` where no window can begin.
 */
export function windowed(x: Tensor, start: Dim, shape: readonly Dim[]): Tensor {
  const { offset, stride } = x.shape.length > 1 ? placement(x) : { offset: vectorOffset(x), stride: 1 };
  const grain = WINDOW_BYTES / bytesOf(x.dtype);
  const first = add(windowStart(x), offset, mul(start, stride));
  if (typeof first !== 'number' && !divisible(first, grain))
    throw new OvertoneError(
      'memory',
      `[plan] ${x.name} ${shapeText(x.shape)} must be a multiple of ${grain} wide to be split but is ${String(stride)}: choose a smaller picture or batch`,
    );
  const rest = typeof first === 'number' ? first % grain : 0;
  return x.graph.add({
    name: x.name,
    dtype: x.dtype,
    shape,
    role: root(x).role,
    view: { base: root(x), window: typeof first === 'number' ? first - rest : first, offset: rest, stride },
  });
}

/**
 * All from the start of the window of `x`, whose rows are aligned, to its end as contiguous rows of four elements; where `x` is columns, whole rows of its
 * root, so that views of other columns have the same.
 */
export function surroundings(x: Tensor): Tensor {
  const { offset, stride } = placement(x);
  // a window may begin within a row: whole rows from there would end behind the root
  const inside = windowStart(x) === 0 && typeof stride === 'number' && maximum(offset) + width(x) <= stride;
  const end = inside ? mul(rows(x), stride) : add(offset, mul(rows(x), stride), width(x), mul(-1, stride));
  const view: View = { base: root(x), window: windowStart(x), offset: 0, stride: 4 };
  return x.graph.add({ name: x.name, dtype: x.dtype, shape: [ceilDiv(end, 4), 4], role: root(x).role, view });
}

/** Bytes that a kernel is given of `x`: from the start of its window to its end, at the extents' maxima, padded to whole vec4s; else its whole root. */
export function boundBytes(x: Tensor): number {
  const elements = x.view?.window === undefined ? maxElements(root(x)) : windowElements(x, x.view);
  return Math.max(16, Math.ceil((elements * bytesOf(x.dtype)) / 16) * 16);
}

function windowElements(x: Tensor, { offset, stride }: View): number {
  if (x.shape.length === 1) return maximum(offset) + maxElements(x);
  return maximum(offset) + (Math.max(maximum(rows(x)), 1) - 1) * maximum(stride) + width(x);
}

/** Gives an intermediate the name it has in the reference, so that it can be kept and compared. */
export function named(x: Tensor, name: string): Tensor {
  x.name = name;
  return x;
}

/** Bytes at the extents' maxima. */
export function maxElements(x: Tensor): number {
  return maximum(count(x));
}
