/**
 * An op: what a model calls. It checks its inputs when the graph is built, knows its cost, and lowers itself to dispatches of kernels
 * when the graph is compiled. Everything about an op is in its own file under ops/; nothing here knows any of them.
 */
import { groupWords } from '../../shaders/common.ts';
import type { LinearOptions } from '../../shaders/linear_parts.ts';
import type { Facts } from './choice.ts';
import { type Dtype, bytesOf } from './dtype.ts';
import { GraphError } from './errors.ts';
import { type Dim, type Extents, add as addDims, mul, sameDim, shapeText } from './extent.ts';
import type { Node } from './graph.ts';
import { QUANTISED_GROUP, type Quantised, isQuantised } from './quantise.ts';
import { type Tensor, isContiguous, placement, root } from './tensor.ts';

/** Work of one call: multiply-adds count as 2 FLOPs; bytes are what must be read and written once. */
export interface Cost {
  readonly flops: Dim;
  readonly bytes: Dim;
}

/** A node that stands for two; its output is the later one's. */
export type Fused = Omit<Node, 'output'>;

export interface Op<Attrs = unknown> {
  /** The one name of this op: file, kernel label, profiler and benchmark row. */
  readonly name: string;
  /** Nodes that do the work of `node` on stretches of tensors that are larger than a binding may be; `node` alone where none is. */
  split?(node: Node<Attrs>, limits: Limits): Node<Attrs>[];
  /** Dispatches that compute `node`. */
  lower(node: Node<Attrs>, context: Lowering): Dispatch[];
  /** FLOPs of the call. */
  flops(node: Node<Attrs>): Dim;
  /** Bytes that must be read and written; without, every operand once. */
  bytes?(node: Node<Attrs>): Dim;
  /** What every element of u32 input `name` is while variants are timed, at these extents; 0 without. */
  timedValue?(node: Node<Attrs>, name: string, extents: Extents): number;
  /** Inputs that are written too (states). */
  readonly mutates?: readonly string[];
  /** Input whose memory the output is (a state that goes on under a new name). */
  readonly aliases?: string;
  /** A node that does the work of `node` and of its only consumer `next`, or nothing. */
  absorb?(node: Node<Attrs>, next: Node): Fused | undefined;
  /** A node that does the work of `node` and of `before`, whose output only `node` reads as input `name`, or nothing. */
  absorbInput?(node: Node<Attrs>, name: string, before: Node): Fused | undefined;
}

/**
 * Storage form of a weight (N, K): `rows` as in the checkpoint; `ohwi` for convolutions, (Cout, kh, kw, Cin); `columns` for kernels whose lanes own
 * neighbouring outputs: blocks of 32 rows, in each K × 32 elements, 16-bit ones two of K to a word; N is filled up with zeros. `ohwi_columns` is
 * both, K = (kh, kw, Cin); `winograd_columns` has a 3×3 filter's 16 transformed values G·g·Gᵀ instead, K = (16, Cin).
 */
export type Layout = 'rows' | 'ohwi' | 'columns' | 'ohwi_columns' | 'winograd_columns';

/** Whether a layout has blocks of rows. */
export function inBlocks(layout: Layout): boolean {
  return layout === 'columns' || layout === 'ohwi_columns' || layout === 'winograd_columns';
}

/** Rows of a block of the `columns` layout. */
export const COLUMN_BLOCK = 32;

/**
 * A weight as a kernel wants it: one buffer for each part, split along the first axis where a binding is too small for all. Several weights may be
 * joined: their stored forms lie one after the other.
 */
export interface WeightOperand {
  readonly key: string;
  /** Names of the joined weights with + between them. */
  readonly name: string;
  /** All rows of the joined weights, or all elements where their rows differ in length. */
  readonly shape: readonly number[];
  readonly joined: readonly { readonly name: string; readonly shape: readonly number[] }[];
  readonly dtype: Dtype | Quantised;
  readonly layout: Layout;
  readonly parts: readonly { readonly start: number; readonly rows: number }[];
  /** Kept as an image that the kernel binds as `texture_2d<u32>`: 16 bytes a texel, texel t at (t % 1024, t / 1024). */
  readonly image: boolean;
}

/** Texels in a row of a weight's image. */
export const IMAGE_TEXELS = 1024;

/** Bytes of `rows` rows of an operand as it is stored, or of all of it. */
export function storedBytes(o: WeightOperand, rows?: number): number {
  if (rows === undefined && o.joined.length > 1)
    return o.joined.reduce((sum, one) => sum + storedBytes({ ...o, ...one, joined: [one] }), 0);
  const count = rows ?? o.shape[0];
  const whole = inBlocks(o.layout) ? Math.ceil(count / COLUMN_BLOCK) * COLUMN_BLOCK : count;
  return whole * rowBytes(o);
}

/** Bytes of a row of an operand. */
export function rowBytes({ shape, dtype, layout }: Pick<WeightOperand, 'shape' | 'dtype' | 'layout'>): number {
  const elements = layout === 'winograd_columns' ? 16 * shape[1] : shape.slice(1).reduce((p, n) => p * n, 1);
  return isQuantised(dtype) ? (elements / QUANTISED_GROUP) * groupWords[dtype] * 4 : elements * bytesOf(dtype);
}

export interface WeightForm {
  readonly layout?: Layout;
  /** Fixes the dtype (small vectors are kept in f32); otherwise it stays as the checkpoint has it, or f32 where joined weights differ. */
  readonly dtype?: Dtype;
  /** Whether the kernel reads quantised weights. */
  readonly quantised?: boolean;
  /** Whether it may be split in parts; one that is joined or an image is not. */
  readonly split?: boolean;
  readonly image?: boolean;
}

/**
 * A tensor as an image of vec4s, which the plan has copied there before the dispatch: rows × width/4 texels, or `flat`, in lines of `flatWidth`, or
 * its `heads` by themselves: equal columns of it, `across` of them side by side, then the next ones below, after as many lines as the run has rows.
 */
export interface ImageOperand {
  readonly image: Tensor;
  readonly flat?: boolean;
  readonly heads?: { readonly count: number; readonly across: number };
}

/** What a binding is given: a tensor's buffer or its window of it, a tensor as an image, or a part of a weight, which may be an image too. */
export type Operand =
  { readonly tensor: Tensor } | ImageOperand | { readonly weight: WeightOperand; readonly part: number };

/** One dispatch of one kernel. Names in `bind` and `params` are those of the kernel's WGSL. */
export interface Dispatch {
  readonly label: string;
  readonly shader: string;
  readonly bind: Readonly<Record<string, Operand>>;
  /** Whole numbers for u32 fields, any number for f32 fields. */
  readonly params: Readonly<Record<string, Dim>>;
  /** Workgroups, counted in one line; the engine folds the count where a dimension would overflow. */
  readonly groups: Dim;
}

/** `linear` by a subgroup's matrices, which whoever opens the device brings: a kernel for its shapes, of `tile` rows and columns a workgroup. */
export interface MatrixKernel {
  readonly tile: number;
  shader(options: LinearOptions): string;
}

/** What ops must know of the device. */
export interface Limits {
  readonly maxStorageBufferBindingSize: number;
  readonly maxTextureDimension2D: number;
  readonly maxComputeWorkgroupStorageSize: number;
  /** Lanes of a subgroup where the device has subgroups of one fixed size. */
  readonly subgroupSize: number | undefined;
  /** Of devices whose matrices of a subgroup have been found right and fast. */
  readonly matrixKernel: MatrixKernel | undefined;
  /** Vendor and architecture of the adapter as WebGPU tells them, such as `nvidia` and `ampere`; empty where it doesn't. */
  readonly vendor: string;
  readonly architecture: string;
}

/** What an op may ask of the compiler while it lowers itself. */
export interface Lowering {
  readonly limits: Limits;
  /** Whether memory is scarce: variants whose weights are larger than the checkpoint's must not be taken. */
  readonly frugal: boolean;
  /** The stored form of a weight, or of several that are joined. */
  weight(tensors: Tensor | readonly Tensor[], form?: WeightForm): WeightOperand;
  /** Memory for the dispatches of this node only. */
  scratch(name: string, shape: readonly Dim[]): Tensor;
  /**
   * Which of `variants` to use: names of those that are valid for this node on this device, the default first; the default may follow the class of
   * the adapter (`limits`). `facts` are all that the answer may depend on: sizes, dtypes, flags. Nodes of an op with the same facts and variants are
   * answered alike, and a tuner may have measured the answer, so:
   * - variants must give the same bits if a fact says how many rows or pictures a run has: a picture is the same alone and in a batch. Call such a
   *   fact `rows` or `pictures`, by which tests know it;
   * - variants with other bits (another order of sums) may only be told apart by facts that leave rows and pictures out, and so may those that
   *   want a weight in another form, of which all passes of a model share one copy.
   */
  pick<Name extends string>(facts: Facts, variants: readonly [Name, ...Name[]]): Name;
}

/** Names of the inputs that a call writes. */
export function mutated({ op, inputs }: Pick<Node, 'op' | 'inputs'>): string[] {
  return (op.mutates ?? []).filter((name) => inputs[name]);
}

/** Adds a call of `op` to the graph of its inputs. */
export function call<Attrs>(
  op: Op<Attrs>,
  inputs: Readonly<Record<string, Tensor | undefined>>,
  attrs: Attrs,
  output: { shape: readonly Dim[]; dtype?: Dtype; name?: string },
): Tensor {
  const given = Object.fromEntries(Object.entries(inputs).filter((e): e is [string, Tensor] => e[1] !== undefined));
  const tensors = Object.values(given);
  const graph = tensors[0].graph;
  for (const [name, x] of Object.entries(given))
    if (x.graph !== graph)
      throw new GraphError(`[${op.name}] ${name} must belong to graph ${graph.name} but belongs to ${x.graph.name}`);
  for (const name of mutated({ op: op as Op, inputs: given }))
    for (const [other, x] of Object.entries(given))
      if (other !== name && root(x) === root(given[name]))
        throw new GraphError(
          `[${op.name}] ${other} must not lie in ${name}, which is written, but ${x.name} does: copy it first`,
        );
  const alias = op.aliases ? given[op.aliases] : undefined;
  const name = output.name ?? defaultName(given) ?? `${op.name}.${graph.nodes.length}`;
  const tensor = graph.add({
    name,
    dtype: output.dtype ?? 'f32',
    shape: output.shape,
    role: alias ? root(alias).role : 'intermediate',
    view: alias && { base: root(alias), ...placement(alias) },
  });
  const node: Node<Attrs> = { op, inputs: given, attrs, output: tensor };
  tensor.source = node as Node;
  graph.nodes.push(node as Node);
  return tensor;
}

/** An op with a weight is called what its module is called in the checkpoint: `a.b.weight` makes `a.b`. */
function defaultName(inputs: Readonly<Record<string, Tensor>>): string | undefined {
  const weight = inputs.weight;
  return weight?.role === 'weight' && weight.name.endsWith('.weight')
    ? weight.name.slice(0, -'.weight'.length)
    : undefined;
}

/** Throws unless `x` has this shape. */
export function checkShape(op: string, name: string, x: Tensor, shape: readonly Dim[]): void {
  if (x.shape.length !== shape.length || !x.shape.every((d, i) => sameDim(d, shape[i])))
    throw new GraphError(`[${op}] ${name} must be ${shapeText(shape)} but got ${shapeText(x.shape)}`);
}

/** Throws unless `eps` can be added to a variance. */
export function checkEps(op: string, eps: number): void {
  if (!(Number.isFinite(eps) && eps >= 0))
    throw new GraphError(`[${op}] eps must be a finite number from 0 up but is ${String(eps)}`);
}

export function checkDtype(op: string, name: string, x: Tensor, dtype: Dtype): void {
  if (x.dtype !== dtype) throw new GraphError(`[${op}] ${name} must be ${dtype} but got ${x.dtype}`);
}

/** Throws unless the rows of `x` follow each other without gaps. */
export function checkContiguous(op: string, name: string, x: Tensor): void {
  if (!isContiguous(x)) throw new GraphError(`[${op}] ${name} must be contiguous but is a strided view: copy it first`);
}

/** Bytes that a node reads and writes at least. */
export function bytesMoved(node: Node, weightBytes: (x: Tensor) => number): Dim {
  if (node.op.bytes) return node.op.bytes(node);
  return [...Object.values(node.inputs), node.output].reduce<Dim>((sum, x) => {
    const elements = mul(...x.shape);
    return addDims(sum, x.role === 'weight' ? weightBytes(x) : mul(4, elements));
  }, 0);
}
