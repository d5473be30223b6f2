/** @tensorflow/tfjs on its WebGPU backend. Pictures are (1, H, W, C) there; filters (kh, kw, Cin, Cout). */
import type { Arrays } from './arrays.ts';
import { compose } from './compose.ts';
import type { Peer } from './peer.ts';
import type { Operand, Task } from './task.ts';

interface Value {
  readonly shape: number[];
  data(): Promise<ArrayLike<number>>;
  dispose(): void;
}

type Call = (...args: unknown[]) => Value;

interface Tensorflow {
  setBackend(name: string): Promise<boolean>;
  ready(): Promise<void>;
  tidy(body: () => Value): Value;
  keep(x: Value): Value;
  readonly fused: { conv2d(options: Record<string, unknown>): Value };
  readonly image: { resizeNearestNeighbor: Call };
}

export type TensorflowModule = Tensorflow & Record<string, Call>;

/** Its core, with the WebGPU backend registered, as a peer. */
export async function tfjs(tf: TensorflowModule, version: string): Promise<Peer> {
  if (!(await tf.setBackend('webgpu'))) throw new Error('tfjs refuses its webgpu backend');
  await tf.ready();
  return { version, prepare: (task) => Promise.resolve(prepare(tf, task)) };
}

function prepare(tf: TensorflowModule, task: Task) {
  const operands = Object.fromEntries(task.operands.map((operand) => [operand.name, upload(tf, task, operand)]));
  const arrays = arraysOf(tf);
  return {
    async run() {
      const y = tf.tidy(() => compose(arrays, task, operands));
      const data = await y.data();
      y.dispose();
      return data;
    },
    destroy() {
      for (const x of Object.values(operands)) x.dispose();
    },
  };
}

function upload(tf: Record<string, Call>, task: Task, { data, shape }: Operand): Value {
  const x = tf.tensor(data, [...shape], data instanceof Int32Array ? 'int32' : 'float32');
  if (!task.pictures || shape.length !== 4) return x;
  const filter = tf.transpose(x, [2, 3, 1, 0]);
  x.dispose();
  return filter;
}

function arraysOf(tf: TensorflowModule): Arrays<Value> {
  const picture = (x: Value) => tf.reshape(x, [1, ...x.shape]);
  return {
    pictures: 'channels last',
    constant: (data, shape) => tf.tensor(data, [...shape]),
    add: tf.add,
    sub: tf.sub,
    mul: tf.mul,
    div: tf.div,
    greater: tf.greater,
    exp: tf.exp,
    sqrt: tf.sqrt,
    sigmoid: tf.sigmoid,
    gelu: (a) => tf.mul(tf.mul(a, 0.5), tf.add(tf.erf(tf.mul(a, Math.SQRT1_2)), 1)),
    matmul: (a, b, transposed) => tf.matMul(a, b, false, transposed),
    reshape: (a, shape) => tf.reshape(a, [...shape]),
    permute: (a, axes) => tf.transpose(a, [...axes]),
    slice: (a, start, size) => tf.slice(a, [...start], [...size]),
    concat: (parts, axis) => tf.concat([...parts], axis),
    mean: (a, axes) => tf.mean(a, [...axes], true),
    softmax: (a) => tf.softmax(a, -1),
    take: (a, index) => tf.gather(a, index, 0),
    where: tf.where,
    argmax: (a) => tf.argMax(a, 1),
    conv(x, filter, bias, { stride, pads: [top, left, bottom, right] }) {
      const pad = [
        [0, 0],
        [top, bottom],
        [left, right],
        [0, 0],
      ];
      const y = tf.fused.conv2d({ x: picture(x), filter, strides: stride, pad, bias });
      return tf.reshape(y, y.shape.slice(1));
    },
    upsample(x) {
      const [H, W, C] = x.shape;
      return tf.reshape(tf.image.resizeNearestNeighbor(picture(x), [2 * H, 2 * W]), [2 * H, 2 * W, C]);
    },
    scatter: (a, index, x) => tf.tensorScatterUpdate(a, tf.reshape(index, [index.shape[0], 1]), x),
    own: {},
  };
}
