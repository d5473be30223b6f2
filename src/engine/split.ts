/**
 * Splitting: a node whose tensors are larger than a binding may be becomes several, each on a stretch of them that it sees through windows (see
 * `View.window`). What a stretch is, an op says itself, with these two: rows that are computed one by one, or items of the first axis.
 */
import { bytesOf } from './dtype.ts';
import { type Dim, divisible, maximum, mul, stretch } from './extent.ts';
import type { Node } from './graph.ts';
import type { Limits } from './op.ts';
import { type Tensor, WINDOW_BYTES, boundBytes, placement, root, rows, width, windowed } from './tensor.ts';

/** `count` rows or items from `start` on. */
export interface Stretch {
  readonly start: number;
  readonly count: Dim;
}

/** Whether a kernel cannot be given `x` as a whole. */
export function oversize(x: Tensor | undefined, { maxStorageBufferBindingSize: limit }: Limits): boolean {
  return x !== undefined && boundBytes(root(x)) > limit;
}

/**
 * `total` items in stretches whose operands fit a binding and begin where a window may. `items`: each operand with the elements from one item to the
 * next. At most `most` items a stretch. Nothing where not even the least stretch fits.
 */
export function stretches(
  total: Dim,
  items: readonly (readonly [x: Tensor, elements: Dim])[],
  { maxStorageBufferBindingSize: limit }: Limits,
  most = Infinity,
): Stretch[] | undefined {
  let step = 1;
  let fit = Math.min(most, Math.max(1, maximum(total)));
  for (const [x, elements] of items) {
    const grain = WINDOW_BYTES / bytesOf(x.dtype);
    if (typeof elements === 'number') step = Math.max(step, grain / greatestCommonDivisor(grain, elements));
    else if (!divisible(elements, grain)) return undefined;
    fit = Math.min(fit, Math.floor((limit - WINDOW_BYTES - 16) / (maximum(elements) * bytesOf(x.dtype))));
  }
  const size = fit < maximum(total) ? fit - (fit % step) : fit;
  if (size < 1) return undefined;
  const all: Stretch[] = [];
  for (let start = 0; start < maximum(total); start += size) all.push({ start, count: stretch(total, start, size) });
  return all;
}

/**
 * `node` on stretches of rows, where its output or an input in `follow` is oversize: row r of the output depends on row r of each of these. Nothing
 * where nothing must be split, or cannot be.
 */
export function splitRows<A>(node: Node<A>, follow: readonly string[], limits: Limits, most = Infinity): Node<A>[] {
  const inputs = follow.flatMap((name) => (node.inputs[name] ? [[name, node.inputs[name]] as const] : []));
  const tensors = [node.output, ...inputs.map(([, x]) => x)];
  const must = tensors.some((x) => oversize(x, limits)) || maximum(rows(node.output)) > most;
  const cut =
    must &&
    stretches(
      rows(node.output),
      tensors.map((x) => [x, placement(x).stride] as const),
      limits,
      most,
    );
  if (!cut) return [node];
  const at = (x: Tensor, { start, count }: Stretch) => windowed(x, start, [count, width(x)]);
  return cut.map((s) => ({
    ...node,
    inputs: { ...node.inputs, ...Object.fromEntries(inputs.map(([name, x]) => [name, at(x, s)])) },
    output: at(node.output, s),
  }));
}

/**
 * `node` on stretches of the first axis, of `items` items, where its output or an input in `follow` is oversize: item i of the output depends on item i
 * of each of these. An output that goes on an input's memory follows by itself. Nothing where nothing must be split, or cannot be.
 */
export function splitItems<A>(node: Node<A>, follow: readonly string[], items: Dim, limits: Limits): Node<A>[] {
  const output: [string, Tensor][] = node.op.aliases ? [] : [['', node.output]];
  const all = [...output, ...follow.flatMap((n): [string, Tensor][] => (node.inputs[n] ? [[n, node.inputs[n]]] : []))];
  if (!all.some(([, x]) => oversize(x, limits))) return [node];
  const inner = (x: Tensor) => mul(...x.shape.slice(1, -1));
  const sized = all.flatMap(([, x]) => (x.shape.length > 1 ? [[x, mul(inner(x), placement(x).stride)] as const] : []));
  const cut = stretches(items, sized, limits);
  if (!cut) return [node];
  return cut.map(({ start, count }) => {
    const parts = all.map(([name, x]) => {
      const from = x.shape.length > 1 ? mul(start, inner(x)) : start;
      return [name, windowed(x, from, [count, ...x.shape.slice(1)])] as const;
    });
    const { '': own = node.output, ...inputs } = Object.fromEntries(parts);
    return { ...node, inputs: { ...node.inputs, ...inputs }, output: own };
  });
}

/** A tensor that is read or written row by row, by number: in stretches of its rows, each with its first; as a whole where it fits. */
export function rowParts(x: Tensor, limits: Limits): { readonly start: number; readonly part: Tensor }[] {
  const cut = oversize(x, limits) && stretches(rows(x), [[x, placement(x).stride]], limits);
  if (!cut) return [{ start: 0, part: x }];
  return cut.map(({ start, count }) => ({ start, part: windowed(x, start, [count, width(x)]) }));
}

export function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
