/** Our ops as a peer's user would write them: its own call where it has one, otherwise a composition of array operations. */
import type { Arrays, Convolution } from './arrays.ts';
import type { Call, Operand, Task } from './task.ts';

/** Runs (or records) the calls of a task and returns its output. @throws Error for an op that the peer cannot express. */
export function compose<A>(arrays: Arrays<A>, task: Task, operands: Readonly<Record<string, A>>): A {
  const values = new Map(Object.entries(operands));
  const known = new Map<string, Pick<Operand, 'shape' | 'data'>>(task.operands.map((o) => [o.name, o]));
  const shapes = new Map<string, readonly number[]>(task.operands.map((o) => [o.name, o.shape]));
  for (const call of task.calls) {
    const inputs = Object.fromEntries(Object.entries(call.inputs).map(([as, name]) => [as, values.get(name)!]));
    const shapesOf = Object.fromEntries(Object.entries(call.inputs).map(([as, name]) => [as, shapes.get(name)!]));
    const context: Context<A> = {
      arrays,
      inputs,
      shapes: shapesOf,
      shape: call.shape,
      pictures: task.pictures,
      attrs: call.attrs,
      host: (as) => known.get(call.inputs[as])!.data,
    };
    values.set(call.output, one(call, context));
    shapes.set(call.output, call.shape);
  }
  return values.get(task.output)!;
}

interface Context<A> {
  readonly arrays: Arrays<A>;
  readonly inputs: Readonly<Record<string, A>>;
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  readonly shape: readonly number[];
  readonly pictures: boolean;
  readonly attrs: Readonly<Record<string, unknown>>;
  /** Values of an input that the host has. */
  host(as: string): ArrayLike<number>;
}

function one<A>(call: Call, c: Context<A>): A {
  const own = c.arrays.own[call.op]?.(c);
  if (own !== undefined) return own;
  const composition = compositions[call.op];
  if (!composition) throw new Error(`nothing to compose ${call.op} of`);
  return composition(c as Context<unknown>) as A;
}

type Composition = <A>(c: Context<A>) => A;

const scalar = <A>({ arrays }: Context<A>, value: number): A => arrays.constant(Float32Array.of(value), [1]);

const silu = <A>({ arrays }: Context<A>, x: A): A => arrays.mul(x, arrays.sigmoid(x));

const norm = <A>(c: Context<A>, x: A, axes: readonly number[], centred: boolean): A => {
  const { arrays } = c;
  const d = centred ? arrays.sub(x, arrays.mean(x, axes)) : x;
  const eps = scalar(c, c.attrs.eps as number);
  return arrays.div(d, arrays.sqrt(arrays.add(arrays.mean(arrays.mul(d, d), axes), eps)));
};

const compositions: Readonly<Record<string, Composition>> = {
  add: ({ arrays, inputs }) => arrays.add(inputs.a, inputs.b),
  scale: (c) => c.arrays.mul(c.inputs.x, scalar(c, c.attrs.factor as number)),
  silu: (c) => silu(c, c.inputs.x),
  gelu: ({ arrays, inputs }) => arrays.gelu(inputs.x),
  silu_mul: (c) => c.arrays.mul(silu(c, c.inputs.gate), c.inputs.up),
  gated_add: ({ arrays, inputs: { x, gate, z } }) => arrays.add(x, arrays.mul(gate, z)),
  outer_add: ({ arrays, inputs: { a, b }, shape: [S, R, W] }) =>
    arrays.add(arrays.reshape(a, [S, 1, W]), arrays.reshape(b, [1, R, W])),

  linear({ arrays, inputs: { x, weight, bias } }) {
    const y = arrays.matmul(x, weight, true);
    return bias === undefined ? y : arrays.add(y, bias);
  },

  rms_norm: (c) => c.arrays.mul(norm(c, c.inputs.x, [c.shape.length - 1], false), c.inputs.weight),

  layer_norm(c) {
    const { arrays, inputs } = c;
    let y = norm(c, inputs.x, [c.shape.length - 1], true);
    if (inputs.weight !== undefined) y = arrays.add(arrays.mul(y, inputs.weight), inputs.bias);
    if (inputs.scale !== undefined) y = arrays.add(arrays.mul(y, arrays.add(inputs.scale, scalar(c, 1))), inputs.shift);
    return y;
  },

  group_norm(c) {
    const { arrays, inputs, shape } = c;
    const [H, W, C] = shape;
    const groups = c.attrs.groups as number;
    const first = arrays.pictures === 'channels first';
    const split = first ? [groups, (C / groups) * H * W] : [H * W, groups, C / groups];
    const x = norm(c, arrays.reshape(inputs.x, split), first ? [1] : [0, 2], true);
    const wide = (v: A_) => (first ? arrays.reshape(v, [C, 1, 1]) : v);
    type A_ = (typeof inputs)[string];
    const y = arrays.reshape(x, first ? [C, H, W] : shape);
    return arrays.add(arrays.mul(y, wide(inputs.weight)), wide(inputs.bias));
  },

  conv2d({ arrays, inputs, attrs }) {
    const pads = { same: [1, 1, 1, 1], corner: [0, 0, 1, 1], none: [0, 0, 0, 0] }[attrs.padding as string];
    const how: Convolution = { stride: attrs.stride as number, pads: pads as unknown as Convolution['pads'] };
    return arrays.conv(inputs.x, inputs.weight, inputs.bias, how);
  },

  upsample: ({ arrays, inputs }) => arrays.upsample(inputs.x),

  /** Query heads that share a kv head lie in one matrix with it, so nothing is repeated. One batch. */
  attention(c) {
    const { arrays, inputs, shapes, attrs } = c;
    const [B, T, E] = shapes.q;
    if (B !== 1) throw new Error('attention of several batches is not composed');
    const [heads, kvHeads] = [attrs.heads as number, attrs.kvHeads as number];
    const [D, G] = [E / heads, heads / kvHeads];
    const past = inputs.past === undefined ? 0 : c.host('past')[0];
    const S = Math.min(shapes.k[1], past + T);
    const split = (x: (typeof inputs)[string], rows: number, count: number) => {
      const used = shapes.k[1] === rows || x === inputs.q ? x : arrays.slice(x, [0, 0, 0], [1, rows, count * D]);
      return arrays.permute(arrays.reshape(used, [rows, count, D]), [1, 0, 2]);
    };
    const q = arrays.reshape(split(inputs.q, T, heads), [kvHeads, G * T, D]);
    const [k, v] = [split(inputs.k, S, kvHeads), split(inputs.v, S, kvHeads)];
    let scores = arrays.mul(arrays.matmul(q, k, true), scalar(c, 1 / Math.sqrt(D)));
    if (attrs.causal && T > 1) {
      const mask = Float32Array.from({ length: G * T * S }, (_, i) =>
        i % S > past + (Math.floor(i / S) % T) ? -1e9 : 0,
      );
      scores = arrays.add(scores, arrays.constant(mask, [1, G * T, S]));
    }
    const y = arrays.reshape(arrays.matmul(arrays.softmax(scores), v, false), [heads, T, D]);
    return arrays.reshape(arrays.permute(y, [1, 0, 2]), [1, T, E]);
  },

  rope(c) {
    const { arrays, inputs, shapes, attrs } = c;
    const [B, T, W] = shapes.x;
    if (B !== 1) throw new Error('rope of several batches is not composed');
    const [heads, theta, past] = [attrs.heads as number, attrs.theta as number, c.host('past')[0]];
    const half = W / heads / 2;
    const table = (f: (angle: number) => number) =>
      arrays.constant(
        Float32Array.from({ length: T * half }, (_, i) =>
          f((past + Math.floor(i / half)) * theta ** (-(i % half) / half)),
        ),
        [T, 1, half],
      );
    const [cos, sin] = [table(Math.cos), table(Math.sin)];
    const x = arrays.reshape(inputs.x, [T, heads, 2 * half]);
    const [a, b] = [0, half].map((at) => arrays.slice(x, [0, 0, at], [T, heads, half]));
    const left = arrays.sub(arrays.mul(a, cos), arrays.mul(b, sin));
    const right = arrays.add(arrays.mul(b, cos), arrays.mul(a, sin));
    return arrays.reshape(arrays.concat([left, right], 2), [1, T, W]);
  },

  append(c) {
    const { arrays, inputs, shapes } = c;
    const [B, S, W] = shapes.cache;
    if (B !== 1) throw new Error('append of several batches is not composed');
    const past = c.host('past')[0];
    const T = Math.min(shapes.x[1], S - past);
    const parts = past > 0 ? [arrays.slice(inputs.cache, [0, 0, 0], [1, past, W])] : [];
    parts.push(T === shapes.x[1] ? inputs.x : arrays.slice(inputs.x, [0, 0, 0], [1, T, W]));
    if (past + T < S) parts.push(arrays.slice(inputs.cache, [0, past + T, 0], [1, S - past - T, W]));
    return arrays.concat(parts, 1);
  },

  gather({ arrays, inputs, shape }) {
    const { index, ...sources } = inputs;
    const all = Object.values(sources);
    const rows = arrays.take(all.length > 1 ? arrays.concat(all, 0) : all[0], index);
    return arrays.reshape(rows, shape);
  },

  scatter({ arrays, inputs }) {
    if (!arrays.scatter) throw new Error('there is no scatter');
    return arrays.scatter(inputs.target, inputs.index, inputs.x);
  },

  argmax(c) {
    const { arrays, inputs } = c;
    const penalty = scalar(c, c.attrs.penalty as number);
    const positive = arrays.greater(inputs.logits, scalar(c, 0));
    const lowered = arrays.where(positive, arrays.div(inputs.logits, penalty), arrays.mul(inputs.logits, penalty));
    return arrays.argmax(arrays.where(arrays.greater(inputs.seen, scalar(c, 0)), lowered, inputs.logits));
  },

  diffusion_update(c) {
    const { arrays, inputs, shapes, attrs } = c;
    const { step, branches } = attrs as { step: number; branches: number };
    const [all, C] = shapes.x;
    const R = all / branches;
    const [ra, rm, c1, c2, low, high, guidance, temperature] = Array.from({ length: 8 }, (_, i) =>
      scalar(c, c.host('coefficients')[step * 8 + i]),
    );
    const part = (branch: number, column: number) => arrays.slice(inputs.head, [branch * R, column], [R, C]);
    let e = part(0, 0);
    if (branches === 2) e = arrays.add(part(1, 0), arrays.mul(guidance, arrays.sub(e, part(1, 0))));
    const f = arrays.div(arrays.add(part(0, C), scalar(c, 1)), scalar(c, 2));
    const variance = arrays.add(arrays.mul(f, high), arrays.mul(arrays.sub(scalar(c, 1), f), low));
    const deviation = arrays.mul(arrays.exp(arrays.div(variance, scalar(c, 2))), temperature);
    const noise = arrays.reshape(arrays.slice(inputs.noise, [step, 0, 0], [1, R, C]), [R, C]);
    const x = arrays.slice(inputs.x, [0, 0], [R, C]);
    const start = arrays.sub(arrays.mul(ra, x), arrays.mul(rm, e));
    const y = arrays.add(arrays.add(arrays.mul(c1, start), arrays.mul(c2, x)), arrays.mul(deviation, noise));
    return branches === 2 ? arrays.concat([y, y], 0) : y;
  },
};
