/**
 * A plan: a graph compiled for one set of limits. Ops are fused and lowered to dispatches, weights get their stored form, intermediates their
 * memory. It owns nothing on the GPU; it can be printed and compared.
 */
import { type Choice, type Choices, choiceKey } from './choice.ts';
import { type Dtype, bytesOf } from './dtype.ts';
import { GraphError, OvertoneError } from './errors.ts';
import { type Dim, shapeText } from './extent.ts';
import { fuse } from './fuse.ts';
import type { Graph, Node } from './graph.ts';
import { type ImageUse, type PlannedImage, placeImages } from './images.ts';
import { type Lifetime, assignBlocks } from './memory.ts';
import {
  COLUMN_BLOCK,
  type Dispatch,
  type Limits,
  type Lowering,
  type MatrixKernel,
  type Operand,
  type WeightForm,
  type WeightOperand,
  bytesMoved,
  inBlocks,
  rowBytes,
  storedBytes,
} from './op.ts';
import { QUANTISED_GROUP, type Quantised, isQuantised } from './quantise.ts';
import { type ShaderInterface, checkInterface, shaderInterface } from './shader.ts';
import { type Tensor, boundBytes, maxElements, root, windowStart } from './tensor.ts';

/** What a plan must know of the device. */
export interface PlanLimits {
  /** Largest storage binding of the device, bytes; WebGPU's default is 128 MiB. */
  readonly maxStorageBufferBindingSize?: number;
  /** Largest buffer of the device, bytes; WebGPU's default is 256 MiB. */
  readonly maxBufferSize?: number;
  /** Largest side of a texture; WebGPU's default is 8192. */
  readonly maxTextureDimension2D?: number;
  /** Most memory of a workgroup, bytes; WebGPU's default is 16384. */
  readonly maxComputeWorkgroupStorageSize?: number;
  /** Lanes of a subgroup where the device has subgroups of one fixed size; kernels that use none without. */
  readonly subgroupSize?: number;
  readonly matrixKernel?: MatrixKernel;
  /** Vendor and architecture of the adapter, for defaults that follow its class. */
  readonly vendor?: string;
  readonly architecture?: string;
}

export interface PlanOptions extends PlanLimits {
  /** Stored dtype of a weight of the checkpoint; f32 without. */
  readonly weightDtype?: (name: string) => Dtype | Quantised;
  /** Stores matrices of linears and tables in fewer bits: those of 32 rows and more whose width is a multiple of 32. */
  readonly quantise?: Quantised;
  /** Takes no variant whose weights are larger than the checkpoint's, whatever it would save. */
  readonly frugal?: boolean;
  /** Names of intermediates to keep: they are computed as written and can be read after a run. */
  readonly keep?: readonly string[];
  /** Variants to use instead of the ops' defaults; a name that is no variant of its choice counts for nothing. */
  readonly choices?: Choices;
}

export interface PlannedDispatch extends Dispatch, ImageUse {
  readonly interface: ShaderInterface;
  /** Work of the op, on its first dispatch. */
  readonly flops: Dim;
  readonly bytes: Dim;
  readonly output: Tensor;
}

/** A buffer that the caller may know: an input, a state or an output. */
export interface NamedBuffer {
  readonly name: string;
  readonly tensor: Tensor;
  readonly bytes: number;
  readonly kind: 'input' | 'state' | 'output';
}

export interface Plan {
  readonly name: string;
  readonly dispatches: readonly PlannedDispatch[];
  readonly weights: readonly WeightOperand[];
  readonly named: ReadonlyMap<string, NamedBuffer>;
  /** Bytes of each shared block, and the block or named buffer of each tensor that has memory. */
  readonly blocks: readonly number[];
  readonly home: ReadonlyMap<Tensor, { readonly block: number } | { readonly name: string }>;
  readonly images: readonly PlannedImage[];
  /** What ops asked that had more than one answer, in order. */
  readonly choices: readonly Choice[];
  /** Outputs and kept intermediates by name. */
  readonly outputs: ReadonlyMap<string, Tensor>;
  /** Bytes of intermediates as planned and without sharing. */
  readonly memory: { readonly planned: number; readonly naive: number };
}

/** The limits that every WebGPU device has. */
export const DEFAULT_LIMITS = {
  maxStorageBufferBindingSize: 128 * 1024 * 1024,
  maxBufferSize: 256 * 1024 * 1024,
  maxTextureDimension2D: 8192,
  maxComputeWorkgroupStorageSize: 16384,
  subgroupSize: undefined,
  matrixKernel: undefined,
  vendor: '',
  architecture: '',
} as const satisfies PlanLimits;

/** Compiles `graph`. Errors: GraphError for a kernel that does not fit its op, OvertoneError `memory` for a tensor beyond the limits. */
export function compile(graph: Graph, options: PlanOptions = {}): Plan {
  const outputs = collectOutputs(graph, options.keep ?? []);
  const nodes = fuse(graph, new Set(outputs.values()));
  const limits = limitsOf(options);
  const split = nodes.flatMap((node) => node.op.split?.(node, limits) ?? [node]);
  return assemble(graph, split, graph.tensors, outputs, options);
}

/** The plan of one node of a plan by itself, without outputs: for measuring it. Errors as of `compile`. */
export function compileNode(node: Node, options: PlanOptions = {}): Plan {
  const declared = [...Object.values(node.inputs), node.output].map(root);
  return assemble(node.output.graph, [node], declared, new Map(), options);
}

function limitsOf(options: PlanOptions): Limits {
  const { maxStorageBufferBindingSize, maxTextureDimension2D, maxComputeWorkgroupStorageSize, vendor, architecture } =
    DEFAULT_LIMITS;
  return {
    maxStorageBufferBindingSize: options.maxStorageBufferBindingSize ?? maxStorageBufferBindingSize,
    maxTextureDimension2D: options.maxTextureDimension2D ?? maxTextureDimension2D,
    maxComputeWorkgroupStorageSize: options.maxComputeWorkgroupStorageSize ?? maxComputeWorkgroupStorageSize,
    subgroupSize: options.subgroupSize,
    matrixKernel: options.matrixKernel,
    vendor: options.vendor ?? vendor,
    architecture: options.architecture ?? architecture,
  };
}

/** Plans nodes that are fused and split already. `declared` may be inputs and states, which then have buffers of their own. */
function assemble(
  graph: Graph,
  nodes: readonly Node[],
  declared: readonly Tensor[],
  outputs: ReadonlyMap<string, Tensor>,
  options: PlanOptions,
): Plan {
  const limits = limitsOf(options);
  const limit = limits.maxStorageBufferBindingSize;
  const weights = new Map<string, WeightOperand>();
  const choices: Choice[] = [];
  const lowering: Omit<Lowering, 'pick'> = {
    limits,
    frugal: options.frugal ?? false,
    weight(tensors, form = {}) {
      const joined = [tensors].flat();
      const dtypes = new Set(joined.map((tensor) => form.dtype ?? dtypeOf(tensor, options)));
      const quantises = form.quantised && joined.every(isMatrix) ? options.quantise : undefined;
      const dtype = quantises ?? (dtypes.size === 1 ? [...dtypes][0] : 'f32');
      const operand = joinedOperand(
        joined.map((tensor) => weightOperand(tensor, dtype, form, limit)),
        form,
        limit,
      );
      const before = weights.get(operand.key);
      if (before) return before;
      weights.set(operand.key, operand);
      return operand;
    },
    scratch(name, shape) {
      return graph.add({ name, dtype: 'f32', shape, role: 'intermediate' });
    },
  };
  const weightBytes = (x: Tensor) => maxElements(x) * bytesOf(dtypeOf(x, options));
  const lowered = nodes.flatMap((node) =>
    lowerNode(node, { ...lowering, pick: picker(node, options.choices, choices) }, weightBytes),
  );
  const { images, uses } = placeImages(lowered);
  const dispatches = lowered.map((dispatch, i) => ({ ...dispatch, ...uses[i] }));
  return {
    name: graph.name,
    dispatches,
    weights: [...weights.values()],
    outputs,
    images,
    choices,
    ...place(declared, dispatches, outputs, options.maxBufferSize ?? DEFAULT_LIMITS.maxBufferSize),
  };
}

/** Dtype of a weight for kernels that read no quantised ones. */
function dtypeOf(weight: Tensor, { weightDtype }: PlanOptions): Dtype {
  const stored = weightDtype?.(weight.name) ?? 'f32';
  return isQuantised(stored) ? 'f32' : stored;
}

/** Whether a weight is worth quantising, and can be. */
function isMatrix({ shape }: Tensor): boolean {
  const [height, breadth] = shape as readonly number[];
  return shape.length === 2 && height >= 32 && breadth % QUANTISED_GROUP === 0;
}

function collectOutputs(graph: Graph, keep: readonly string[]): Map<string, Tensor> {
  const outputs = new Map(graph.outputs);
  for (const name of keep) {
    const found = graph.nodes.map((n) => n.output).findLast((x) => x.name === name);
    if (!found)
      throw new GraphError(
        `[graph ${graph.name}] ${name} must be an intermediate to be kept, but there is none of that name`,
      );
    if (!outputs.has(name)) outputs.set(name, found);
  }
  return outputs;
}

/** Answers what `node` asks, and notes it down. */
function picker(node: Node, answers: Choices | undefined, choices: Choice[]): Lowering['pick'] {
  return (facts, variants) => {
    if (variants.length === 1) return variants[0];
    const key = choiceKey(node.op.name, facts, variants);
    const answer = answers?.get(key);
    const chosen = variants.find((name) => name === answer) ?? variants[0];
    choices.push({ key, variants, chosen, node });
    return chosen;
  };
}

function lowerNode(
  node: Node,
  lowering: Lowering,
  weightBytes: (x: Tensor) => number,
): Omit<PlannedDispatch, keyof ImageUse>[] {
  return node.op.lower(node, lowering).map((dispatch, i) => {
    const shader = shaderInterface(dispatch.label, dispatch.shader);
    checkInterface(dispatch.label, shader, Object.keys(dispatch.bind), Object.keys(dispatch.params));
    for (const operand of Object.values(dispatch.bind))
      if ('tensor' in operand)
        checkBinding(operand.tensor, dispatch.label, lowering.limits.maxStorageBufferBindingSize);
    const work =
      i === 0 ? { flops: node.op.flops(node), bytes: bytesMoved(node, weightBytes) } : { flops: 0, bytes: 0 };
    return { ...dispatch, ...work, interface: shader, output: node.output };
  });
}

function weightOperand(tensor: Tensor, dtype: Dtype | Quantised, form: WeightForm, limit: number): WeightOperand {
  const { layout = 'rows', split = false, image = false } = form;
  const splitAbove = split ? limit : Infinity;
  if (tensor.role !== 'weight') throw new GraphError(`[plan] ${tensor.name} must be a weight but is ${tensor.role}`);
  const shape = tensor.shape as readonly number[];
  const row = rowBytes({ shape, dtype, layout });
  // parts start where packed 16-bit elements share no word, and where blocks of columns start
  const grain = inBlocks(layout) ? COLUMN_BLOCK : 4;
  const most = Math.floor(Math.min(splitAbove, 2 ** 40) / row);
  const stored = inBlocks(layout) ? Math.ceil(shape[0] / grain) * grain : shape[0];
  const step = stored <= most ? shape[0] : most - (most % grain);
  if (Math.min(step, shape[0]) * row > limit || step < 1)
    throw new OvertoneError(
      'memory',
      `[plan] ${tensor.name} ${shapeText(shape)} takes ${shape[0] * row} bytes in ${dtype}; a binding holds ${limit}: store it in fewer bits or use a device with larger bindings`,
    );
  const parts = [];
  for (let start = 0; start < shape[0]; start += step) parts.push({ start, rows: Math.min(step, shape[0] - start) });
  const key = `${tensor.name}|${layout}|${dtype}|${parts.length}${image ? '|image' : ''}`;
  return { key, name: tensor.name, shape, joined: [{ name: tensor.name, shape }], dtype, layout, parts, image };
}

function joinedOperand(operands: readonly WeightOperand[], { image }: WeightForm, limit: number): WeightOperand {
  const [first] = operands;
  const name = operands.map((o) => o.name).join('+');
  const bytes = operands.reduce((sum, o) => sum + storedBytes(o), 0);
  if (bytes > limit && (image || operands.length > 1))
    throw new OvertoneError('memory', `[plan] ${name} takes ${bytes} bytes in one piece; a binding holds ${limit}`);
  if (operands.length === 1) return first;
  const alike = operands.every((o) => shapeText(o.shape.slice(1)) === shapeText(first.shape.slice(1)));
  const rows = operands.map(({ shape }) => (alike ? shape[0] : shape.reduce((p, n) => p * n, 1)));
  const shape = [rows.reduce((a, b) => a + b, 0), ...(alike ? first.shape.slice(1) : [])];
  return {
    ...first,
    key: operands.map((o) => o.key).join('+'),
    name,
    shape,
    joined: operands.flatMap((o) => o.joined),
    parts: [{ start: 0, rows: shape[0] }],
  };
}

function place(
  declared: readonly Tensor[],
  dispatches: readonly PlannedDispatch[],
  outputs: ReadonlyMap<string, Tensor>,
  limit: number,
) {
  const home = new Map<Tensor, { block: number } | { name: string }>();
  const named = new Map<string, NamedBuffer>();
  const addNamed = (name: string, tensor: Tensor, kind: NamedBuffer['kind']) => {
    if (home.has(tensor)) return;
    home.set(tensor, { name });
    named.set(name, { name, tensor, bytes: bytes(tensor, limit), kind });
  };
  for (const x of declared) if (!x.view && (x.role === 'input' || x.role === 'state')) addNamed(x.name, x, x.role);
  for (const [name, x] of outputs) addNamed(name, root(x), 'output');

  const lives = new Map<Tensor, { first: number; last: number }>();
  dispatches.forEach((dispatch, at) => {
    for (const tensor of tensorsOf(dispatch)) {
      if (home.has(tensor)) continue;
      const life = lives.get(tensor);
      if (life) life.last = at;
      else lives.set(tensor, { first: at, last: at });
    }
  });
  const tensors = [...lives.keys()];
  const lifetimes: Lifetime[] = tensors.map((t) => ({ bytes: bytes(t, limit), ...lives.get(t)! }));
  const { blocks, block } = assignBlocks(lifetimes);
  tensors.forEach((t, i) => home.set(t, { block: block[i] }));
  const memory = { planned: blocks.reduce((a, b) => a + b, 0), naive: lifetimes.reduce((a, l) => a + l.bytes, 0) };
  return { home, named, blocks, memory };
}

function* tensorsOf(dispatch: PlannedDispatch): Iterable<Tensor> {
  for (const { tensor } of dispatch.copies) yield root(tensor);
  for (const operand of Object.values(dispatch.bind)) if ('tensor' in operand) yield root(operand.tensor);
}

/** Bytes of a tensor's buffer. */
function bytes(x: Tensor, limit: number): number {
  const size = boundBytes(x);
  if (size > limit)
    throw new OvertoneError(
      'memory',
      `[plan] ${x.name} ${shapeText(x.shape)} takes ${size} bytes; a buffer of this device holds ${limit}: choose a smaller picture or batch`,
    );
  return size;
}

function checkBinding(x: Tensor, label: string, limit: number): void {
  const size = boundBytes(x);
  if (size > limit)
    throw new OvertoneError(
      'memory',
      `[plan] ${label} must be given ${size} bytes of ${x.name} ${shapeText(x.shape)} at once; a binding of this device holds ${limit}: choose a smaller picture or batch`,
    );
}

/** The plan as text: one line a dispatch, then weights and memory. */
export function planText(plan: Plan): string {
  const where = (operand: Operand, images?: ReadonlyMap<Operand, number>): string => {
    if ('weight' in operand) {
      const w = operand.weight;
      return `${w.name}:${w.dtype}${w.layout === 'rows' ? '' : `:${w.layout}`}${w.image ? ':image' : ''}${w.parts.length > 1 ? `#${operand.part}` : ''}`;
    }
    if ('image' in operand) return `image ${images?.get(operand)}`;
    const at = plan.home.get(root(operand.tensor))!;
    const window = windowStart(operand.tensor);
    return `${'block' in at ? `#${at.block}` : at.name}${window === 0 ? '' : `+${String(window)}`}`;
  };
  const lines = plan.dispatches.map((d, i) => {
    const bind = d.interface.bindings
      .map((b) => `${b.name}${b.kind === 'write' ? '→' : '←'}${where(d.bind[b.name], d.images)}`)
      .join(' ');
    const params = Object.entries(d.params)
      .map(([k, v]) => `${k}=${String(v)}`)
      .join(' ');
    const copies = d.copies.map((c) => `     copy ${where({ tensor: c.tensor })} → image ${c.image}\n`).join('');
    return `${copies}${String(i).padStart(4)} ${d.label.padEnd(16)} ${d.output.name} ${shapeText(d.output.shape)} | ${bind} | ${params} | ×${String(d.groups)}`;
  });
  const named = [...plan.named.values()].map(
    (n) => `     ${n.kind} ${n.name} ${n.tensor.dtype} ${shapeText(n.tensor.shape)}`,
  );
  const tuned = plan.choices.filter(({ chosen, variants }) => chosen !== variants[0]);
  const chosen = new Set(tuned.map((choice) => `     chosen ${choice.chosen} for ${choice.key}`));
  const kernels = new Set(plan.dispatches.map((d) => d.shader)).size;
  const weights = plan.weights.reduce((sum, w) => sum + w.shape[0] * rowBytes(w), 0);
  return [
    `plan ${plan.name}: ${plan.dispatches.length} dispatches of ${kernels} kernels`,
    ...named,
    ...lines,
    ...chosen,
    `weights ${plan.weights.length} tensors, ${weights} bytes`,
    ...plan.images.map((m, i) => `image ${i}: ${m.width}×${m.height} texels`),
    `intermediates ${plan.memory.planned} bytes in ${plan.blocks.length} blocks, ${plan.memory.naive} without sharing`,
    '',
  ].join('\n');
}
