/** onnxruntime-web on WebGPU: each task is a model of its own, weights inside it, inputs on the device. */
import type { Arrays, OwnCall } from './arrays.ts';
import { compose } from './compose.ts';
import { type Attribute, FLOAT, INT32, INT64, type OnnxGraph, type OnnxTensor, onnxModel } from './onnx_model.ts';
import type { Peer } from './peer.ts';
import { type Task, channelsFirst, channelsLast } from './task.ts';

interface OrtTensor {
  readonly data: ArrayLike<number>;
  dispose(): void;
}

export interface Ort {
  readonly env: {
    readonly wasm: { numThreads: number; wasmBinary?: Uint8Array };
    readonly webgpu: { readonly device: Promise<GPUDevice> | GPUDevice };
    logLevel: string;
  };
  readonly Tensor: { fromGpuBuffer(buffer: GPUBuffer, options: object): OrtTensor };
  readonly InferenceSession: {
    create(
      model: Uint8Array,
      options: object,
    ): Promise<{
      run(feeds: Record<string, OrtTensor>): Promise<Record<string, OrtTensor>>;
      release(): Promise<void>;
    }>;
  };
}

/** An `ort` module with its WebAssembly as a peer. */
export const onnx = (ort: Ort, version: string): Peer => ({ version, prepare: (task) => prepare(ort, task) });

async function prepare(ort: Ort, task: Task) {
  const { shape } = task.calls[task.calls.length - 1];
  const graph = graphOf(task, shape);
  const model = onnxModel(graph);
  const session = await ort.InferenceSession.create(model, {
    executionProviders: ['webgpu'],
    graphOptimizationLevel: 'all',
  });
  const device = await ort.env.webgpu.device;
  const feeds: Record<string, OrtTensor> = {};
  const buffers: GPUBuffer[] = [];
  for (const { name, type, shape: dims } of graph.inputs) {
    const operand = task.operands.find((o) => o.name === name)!;
    const data = laidOut(task, operand);
    const buffer = device.createBuffer({
      size: Math.max(16, Math.ceil(data.byteLength / 16) * 16),
      usage: 128 | 8 | 4,
    });
    device.queue.writeBuffer(buffer, 0, data);
    buffers.push(buffer);
    feeds[name] = ort.Tensor.fromGpuBuffer(buffer, { dataType: type === INT32 ? 'int32' : 'float32', dims });
  }
  return {
    async run() {
      const { y } = await session.run(feeds);
      const { data } = y;
      if (!task.pictures) return typeof data[0] === 'bigint' ? Array.from(data, Number) : data;
      return channelsLast(data as Float32Array, shape);
    },
    destroy() {
      for (const buffer of buffers) buffer.destroy();
      void session.release();
    },
  };
}

const isPicture = (task: Task, shape: readonly number[]) => task.pictures && shape.length === 3;

const laidOut = (task: Task, { data, shape }: Task['operands'][number]) =>
  isPicture(task, shape) ? channelsFirst(data as Float32Array, shape) : data;

const dimsOf = (task: Task, shape: readonly number[]) =>
  isPicture(task, shape) ? [1, shape[2], shape[0], shape[1]] : [...shape];

/** Records the task: arrays are names of values. Pictures are (1, C, H, W). */
function graphOf(task: Task, shape: readonly number[]): OnnxGraph {
  const nodes: OnnxGraph['nodes'][number][] = [];
  const constants: OnnxGraph['constants'][number][] = [];
  const inputs: OnnxTensor[] = [];
  for (const operand of task.operands) {
    const { name, role, data } = operand;
    if (!task.calls.some((call) => Object.values(call.inputs).includes(name))) continue;
    const tensor = { name, type: data instanceof Int32Array ? INT32 : FLOAT, shape: dimsOf(task, operand.shape) };
    if (role !== 'weight') inputs.push(tensor);
    else constants.push({ ...tensor, bytes: new Uint8Array(laidOut(task, operand).buffer) });
  }
  let names = 0;
  const add = (
    op: string,
    from: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
    domain?: string,
  ): string => {
    const name = `v${names++}`;
    nodes.push({ op, domain, inputs: from, outputs: [name], attributes });
    return name;
  };
  const constant = (data: Float32Array | BigInt64Array, dims: readonly number[]): string => {
    const name = `c${names++}`;
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    constants.push({ name, type: data instanceof Float32Array ? FLOAT : INT64, shape: dims, bytes });
    return name;
  };
  const whole = (...values: number[]) => constant(BigInt64Array.from(values, BigInt), [values.length]);
  const arrays = arraysOf(task, add, constant, whole);
  const result = compose(arrays, task, Object.fromEntries(task.operands.map(({ name }) => [name, name])));
  nodes.push({ op: 'Identity', inputs: [result], outputs: ['y'], attributes: {} });
  const integers = task.calls[task.calls.length - 1].op === 'argmax';
  // inputs that only the host's side of a composition reads (the length of a cache) are none of the model's
  const used = new Set(nodes.flatMap((node) => node.inputs));
  const output = { name: 'y', type: integers ? INT64 : FLOAT, shape: dimsOf(task, shape) };
  return {
    nodes,
    constants: constants.filter(({ name }) => used.has(name)),
    inputs: inputs.filter(({ name }) => used.has(name)),
    outputs: [output],
  };
}

type Add = (
  op: string,
  from: readonly string[],
  attributes?: Readonly<Record<string, Attribute>>,
  domain?: string,
) => string;

function arraysOf(
  task: Task,
  add: Add,
  constant: (data: Float32Array, shape: readonly number[]) => string,
  whole: (...values: number[]) => string,
): Arrays<string> {
  const two = (op: string) => (a: string, b: string) => add(op, [a, b]);
  const float = (value: unknown) => ({ float: value as number });
  const widths = new Map(task.operands.map(({ name, shape }) => [name, shape.length]));
  return {
    pictures: 'channels first',
    constant,
    add: two('Add'),
    sub: two('Sub'),
    mul: two('Mul'),
    div: two('Div'),
    greater: two('Greater'),
    exp: (a) => add('Exp', [a]),
    sqrt: (a) => add('Sqrt', [a]),
    sigmoid: (a) => add('Sigmoid', [a]),
    gelu: (a) => add('Gelu', [a]),
    matmul(a, b, transposed) {
      if (!transposed) return add('MatMul', [a, b]);
      const perm = widths.get(b) === 2 ? [1, 0] : [0, 2, 1];
      return add('MatMul', [a, add('Transpose', [b], { perm })]);
    },
    reshape: (a, shape) => add('Reshape', [a, whole(...shape)]),
    permute: (a, perm) => add('Transpose', [a], { perm }),
    slice: (a, start, size) =>
      add('Slice', [a, whole(...start), whole(...start.map((s, i) => s + size[i])), whole(...start.map((_, i) => i))]),
    concat: (parts, axis) => add('Concat', parts, { axis }),
    mean: (a, axes) => add('ReduceMean', [a, whole(...axes)], { keepdims: 1 }),
    softmax: (a) => add('Softmax', [a], { axis: -1 }),
    take: (a, index) => add('Gather', [a, index], { axis: 0 }),
    where: (condition, a, b) => add('Where', [condition, a, b]),
    argmax: (a) => add('ArgMax', [a], { axis: 1, keepdims: 0 }),
    conv: (x, weight, bias, { stride, pads }) =>
      add('Conv', bias === undefined ? [x, weight] : [x, weight, bias], { strides: [stride, stride], pads }),
    upsample: (x) =>
      add('Resize', [x, '', constant(Float32Array.of(1, 1, 2, 2), [4])], {
        mode: 'nearest',
        coordinate_transformation_mode: 'asymmetric',
        nearest_mode: 'floor',
      }),
    scatter: (a, index, x) =>
      add('ScatterND', [a, add('Unsqueeze', [add('Cast', [index], { to: INT64 }), whole(1)]), x]),
    own: {
      layer_norm({ inputs, shapes, attrs, ...call }) {
        const W = shapes.x[shapes.x.length - 1];
        const ones = inputs.weight ?? constant(new Float32Array(W).fill(1), [W]);
        const y = add('LayerNormalization', [inputs.x, ones, ...(inputs.bias ? [inputs.bias] : [])], {
          axis: -1,
          epsilon: float(attrs.eps),
        });
        return inputs.scale === undefined ? y : modulated({ inputs, shapes, attrs, ...call }, y);
      },
      rms_norm: ({ inputs, attrs }) =>
        add('SimplifiedLayerNormalization', [inputs.x, inputs.weight], { axis: -1, epsilon: float(attrs.eps) }),
      group_norm({ inputs, shapes, attrs }) {
        const [H, W, C] = shapes.x;
        const G = attrs.groups as number;
        const split = add('Reshape', [inputs.x, whole(1, G, (C / G) * H * W)]);
        const [one, zero] = [1, 0].map((value) => constant(new Float32Array(G).fill(value), [G]));
        const y = add('InstanceNormalization', [split, one, zero], { epsilon: float(attrs.eps) });
        const wide = (v: string) => add('Reshape', [v, whole(C, 1, 1)]);
        const picture = add('Reshape', [y, whole(1, C, H, W)]);
        return add('Add', [add('Mul', [picture, wide(inputs.weight)]), wide(inputs.bias)]);
      },
    },
  };

  function modulated({ inputs }: OwnCall<string>, y: string): string {
    const scale = add('Add', [inputs.scale, constant(Float32Array.of(1), [1])]);
    return add('Add', [add('Mul', [y, scale]), inputs.shift]);
  }
}
