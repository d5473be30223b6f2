/** An op case as a peer sees it: dense operands and the calls as the model wrote them, before any fusion of ours. */
import { Graph, evaluate } from '../../src/engine/index.ts';
import { type Tensor, placement, root, rows, width } from '../../src/engine/tensor.ts';
import type { OpCase } from '../../tests/support/case.ts';
import { declare, makeValues } from '../../tests/support/run_case.ts';

export interface Operand {
  readonly name: string;
  readonly shape: readonly number[];
  readonly role: 'input' | 'weight' | 'state';
  /** Whole numbers of u32 inputs, f32 otherwise; 16-bit weights as the f32 values that they hold. */
  readonly data: Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>;
}

export interface Call {
  readonly op: string;
  /** Operand or output by the op's name for it. */
  readonly inputs: Readonly<Record<string, string>>;
  readonly attrs: Readonly<Record<string, unknown>>;
  readonly output: string;
  readonly shape: readonly number[];
}

export interface Task {
  readonly operands: readonly Operand[];
  readonly calls: readonly Call[];
  readonly output: string;
  /** Its three-dimensional operands are pictures (H, W, C), to be given in the layout that the peer likes best. */
  readonly pictures: boolean;
}

const PICTURE_OPS = ['conv2d', 'upsample', 'group_norm'];

/** The task of a case. A view of an operand becomes an operand of its own: reading it costs a peer nothing. */
export function taskOf(test: OpCase): Task {
  const graph = new Graph(test.name);
  const tensors = Object.fromEntries(
    Object.entries(test.tensors).map(([name, spec]) => [name, declare(graph, name, spec)]),
  );
  const [output] = Object.values(test.build(tensors, graph));
  const at = (dim: Tensor['shape'][number]) => evaluate(dim, test.extents ?? {});
  const shapeOf = (x: Tensor) => x.shape.map(at);
  const values = new Map<string, Float32Array<ArrayBuffer>>();
  const valuesOf = (name: string, x: Tensor) => {
    const spec = test.tensors[name];
    let known = values.get(name);
    if (!known) {
      const count = shapeOf(x).reduce((a, b) => a * b, 1);
      values.set(name, (known = makeValues(name, spec, new Float32Array(count))));
    }
    return known;
  };
  const operands = new Map<string, Operand>();
  const names = new Map<Tensor, string>();
  const nameOf = (x: Tensor): string => {
    if (x.source) return `#${x.id}`;
    const known = names.get(x);
    if (known) return known;
    const base = root(x);
    if (base.source) throw new Error(`a view of a result (${x.name}) is nothing a peer is given`);
    const own = base === x ? x.name : `${x.name}@${x.id}`;
    const all = valuesOf(base.name, base);
    const dense =
      base === x ? all : gathered(all, at(placement(x).offset), at(placement(x).stride), at(rows(x)), width(x));
    const role = base.role as Operand['role'];
    const data = x.dtype === 'u32' && role === 'input' ? Int32Array.from(dense) : dense;
    operands.set(own, { name: own, shape: shapeOf(x), role, data });
    names.set(x, own);
    return own;
  };
  const calls = graph.nodes.map(({ op, inputs, attrs, output: y }) => ({
    op: op.name,
    inputs: Object.fromEntries(Object.entries(inputs).map(([name, x]) => [name, nameOf(x)])),
    attrs: Object.fromEntries(
      Object.entries(attrs as Record<string, Tensor['shape'][number]>).map(([k, v]) => [k, isDim(v) ? at(v) : v]),
    ),
    output: `#${y.id}`,
    shape: shapeOf(y),
  }));
  const pictures = calls.some(({ op }) => PICTURE_OPS.includes(op));
  return { operands: [...operands.values()], calls, output: nameOf(output), pictures };
}

const isDim = (value: unknown): value is Tensor['shape'][number] =>
  typeof value === 'object' && value !== null && 'terms' in value;

function gathered(all: Float32Array, offset: number, stride: number, height: number, across: number) {
  const out = new Float32Array(height * across);
  for (let r = 0; r < height; r++) out.set(all.subarray(offset + r * stride, offset + r * stride + across), r * across);
  return out;
}

/** (H, W, C) → (C, H, W). */
export function channelsFirst(data: Float32Array, [H, W, C]: readonly number[]): Float32Array<ArrayBuffer> {
  const out = new Float32Array(data.length);
  for (let p = 0; p < H * W; p++) for (let c = 0; c < C; c++) out[c * H * W + p] = data[p * C + c];
  return out;
}

/** (C, H, W) → (H, W, C), where H, W and C are `shape`. */
export function channelsLast(data: Float32Array, [H, W, C]: readonly number[]): Float32Array<ArrayBuffer> {
  const out = new Float32Array(data.length);
  for (let p = 0; p < H * W; p++) for (let c = 0; c < C; c++) out[p * C + c] = data[c * H * W + p];
  return out;
}
