/** @jax-js/jax, every call under jit. Its functions take ownership of their arguments, so each use is a reference of its own. */
import { type Arrays, type OwnCall } from './arrays.ts';
import { compose } from './compose.ts';
import type { Peer } from './peer.ts';
import { type Task, channelsFirst, channelsLast } from './task.ts';

interface Value {
  readonly ref: Value;
  readonly shape: number[];
  data(): Promise<ArrayLike<number>>;
  dispose(): void;
}

type Functions = Record<string, (...args: unknown[]) => Value>;

export interface Jax {
  init(...devices: string[]): Promise<string[]>;
  defaultDevice(device: string): void;
  jit(f: (...args: Value[]) => Value): ((...args: Value[]) => Value) & { dispose?(): void };
  readonly numpy: Functions;
  readonly nn: Functions;
  readonly lax: Functions;
}

/** Its module as a peer, on WebGPU. */
export async function jax(module: Jax, version: string): Promise<Peer> {
  await module.init('webgpu');
  module.defaultDevice('webgpu');
  return { version, prepare: (task) => Promise.resolve(prepare(module, task)) };
}

function prepare(jax: Jax, task: Task) {
  const arrays = arraysOf(jax);
  const operands = task.operands.map(({ data, shape }) => {
    const picture = task.pictures && shape.length === 3;
    const values = picture ? channelsFirst(data as Float32Array, shape) : data;
    return jax.numpy.reshape(jax.numpy.array(values), picture ? [shape[2], shape[0], shape[1]] : [...shape]);
  });
  const call = jax.jit((...args) => {
    const byName = Object.fromEntries(task.operands.map(({ name }, i) => [name, args[i]]));
    return compose(arrays, task, byName).ref;
  });
  const { shape } = task.calls[task.calls.length - 1];
  return {
    async run() {
      const data = await call(...operands.map((x) => x.ref)).data();
      return task.pictures ? channelsLast(data as Float32Array, shape) : data;
    },
    destroy() {
      for (const x of operands) x.dispose();
      call.dispose?.();
    },
  };
}

function arraysOf({ numpy: np, nn, lax }: Jax): Arrays<Value> {
  const two = (name: string) => (a: Value, b: Value) => np[name](a.ref, b.ref);
  return {
    pictures: 'channels first',
    constant: (data, shape) => np.reshape(np.array(data), [...shape]),
    add: two('add'),
    sub: two('subtract'),
    mul: two('multiply'),
    div: two('divide'),
    greater: two('greater'),
    exp: (a) => np.exp(a.ref),
    sqrt: (a) => np.sqrt(a.ref),
    sigmoid: (a) => nn.sigmoid(a.ref),
    gelu: (a) => nn.gelu(a.ref, { approximate: false }),
    matmul: (a, b, transposed) => np.matmul(a.ref, transposed ? np.matrixTranspose(b.ref) : b.ref),
    reshape: (a, shape) => np.reshape(a.ref, [...shape]),
    permute: (a, axes) => np.transpose(a.ref, [...axes]),
    slice: (a, start, size) =>
      (a.ref as unknown as { slice(...parts: [number, number][]): Value }).slice(
        ...start.map((s, i): [number, number] => [s, s + size[i]]),
      ),
    concat: (parts, axis) =>
      np.concatenate(
        parts.map((x) => x.ref),
        axis,
      ),
    mean: (a, axes) => np.mean(a.ref, [...axes], { keepdims: true }),
    softmax: (a) => nn.softmax(a.ref, -1),
    take: (a, index) => np.take(a.ref, index.ref, 0),
    where: (condition, a, b) => np.where(condition.ref, a.ref, b.ref),
    argmax: (a) => np.argmax(a.ref, 1),
    conv(x, weight, bias, { stride, pads: [top, left, bottom, right] }) {
      const padding = [
        [top, bottom],
        [left, right],
      ];
      const y = lax.convGeneralDilated(np.reshape(x.ref, [1, ...x.shape]), weight.ref, [stride, stride], padding);
      const shape = y.shape.slice(1);
      const picture = np.reshape(y, shape);
      return bias === undefined ? picture : np.add(picture, np.reshape(bias.ref, [shape[0], 1, 1]));
    },
    upsample: (x) => np.repeat(np.repeat(x.ref, 2, 1), 2, 2),
    own: {
      silu: ({ inputs }) => nn.silu(inputs.x.ref),
      attention: (call) => attention(nn, np, call),
      layer_norm({ inputs, attrs }) {
        if (inputs.scale !== undefined) return undefined;
        const y = nn.standardize(inputs.x.ref, -1, { epsilon: attrs.eps });
        return inputs.weight ? np.add(np.multiply(y, inputs.weight.ref), inputs.bias.ref) : y;
      },
    },
  };
}

/** dotProductAttention takes (B, T, heads, D) and shares kv heads by itself; its causal mask starts at key 0. */
function attention(nn: Functions, np: Functions, { inputs, shapes, attrs }: OwnCall<Value>): Value | undefined {
  if (inputs.past !== undefined) return undefined;
  const [B, T, E] = shapes.q;
  const [heads, kvHeads] = [attrs.heads as number, attrs.kvHeads as number];
  const split = (x: Value, n: number) => np.reshape(x.ref, [B, T, n, E / heads]);
  const y = nn.dotProductAttention(split(inputs.q, heads), split(inputs.k, kvHeads), split(inputs.v, kvHeads), {
    isCausal: attrs.causal,
  });
  return np.reshape(y, [B, T, E]);
}
