/** Runs an op case on a device and measures how far its outputs are from the reference. */
import {
  type Choices,
  type Device,
  type Dtype,
  Graph,
  type Plan,
  type Session,
  type Tensor,
  type WeightSource,
  WeightStore,
  bf16ToNumber,
  compile,
  createSession,
  dequantise,
  evaluate,
  f16ToNumber,
  mulDims,
  numberToBf16,
  numberToF16,
  quantise,
} from '../../src/engine/index.ts';
import type { OpCase, Spec, Values } from './case.ts';

/** Relative error of each output: ‖ours − reference‖ / ‖reference‖, and whether every element is finite. */
export interface CaseResult {
  readonly errors: Readonly<Record<string, number>>;
  readonly worst: number;
  readonly outputs: Readonly<Record<string, Float32Array | Uint32Array>>;
}

export async function runCase(device: Device, test: OpCase, choices?: Choices): Promise<CaseResult> {
  const { graph, plan, values } = planCase(device, test, choices);
  const weights = new WeightStore(device);
  let session: Session | undefined;
  try {
    await weights.load(plan.weights, sourceOf(test, values));
    session = await createSession(device, plan, { weights });
    const stream = device.stream(test.name);
    for (const [name, spec] of Object.entries(test.tensors)) {
      if (spec.role === 'weight') continue;
      const data =
        spec.dtype === 'u32'
          ? Uint32Array.from(values[name])
          : spec.dtype === 'i32'
            ? Int32Array.from(values[name])
            : Float32Array.from(values[name]);
      if (plan.named.has(name)) stream.write(session.buffer(name), data);
    }
    await session.encode(stream, test.extents);
    await stream.finish();
    const expected = test.reference(asStored(test, values));
    const errors: Record<string, number> = {};
    const got: Record<string, Float32Array | Uint32Array> = {};
    for (const [name, x] of graph.outputs) {
      got[name] = x.dtype === 'u32' ? await session.readU32(name) : await session.read(name);
      errors[name] = relativeError(got[name], expected[name]);
    }
    return { errors, worst: Math.max(...Object.values(errors)), outputs: got };
  } finally {
    session?.destroy();
    weights.destroy();
  }
}

/** The plan of a case on this device, and the values of its tensors. */
export function planCase(
  device: Device,
  test: OpCase,
  choices?: Choices,
): { graph: Graph; plan: Plan; values: Record<string, Values> } {
  const graph = new Graph(test.name);
  const values: Record<string, Values> = {};
  const tensors: Record<string, Tensor> = {};
  for (const [name, spec] of Object.entries(test.tensors)) {
    const elements = evaluate(mulDims(...spec.shape), test.extents ?? {});
    values[name] = makeValues(name, spec, new Float64Array(elements));
    tensors[name] = declare(graph, name, spec);
  }
  for (const [name, x] of Object.entries(test.build(tensors, graph))) graph.output(name, x);
  const dtypeOf = (name: string): Dtype => test.tensors[name].dtype ?? 'f32';
  const { maxBinding: maxStorageBufferBindingSize = device.limits.maxStorageBufferBindingSize } = test;
  const plan = compile(graph, {
    ...device.planLimits,
    ...(test.gpu && { subgroupSize: undefined, vendor: '', architecture: '' }),
    weightDtype: dtypeOf,
    quantise: test.quantise,
    choices,
    maxStorageBufferBindingSize,
  });
  return { graph, plan, values };
}

/** Values with quantised matrices as what they stand for. */
function asStored({ quantise: kind, tensors }: OpCase, values: Record<string, Values>): Record<string, Values> {
  if (!kind) return values;
  const matrices = Object.entries(tensors).filter(([, { role, shape }]) => role === 'weight' && shape.length === 2);
  const stored = matrices.map(([name]) => {
    const groups = quantise(name, Float32Array.from(values[name]), kind);
    return [name, Float64Array.from(dequantise(groups, kind))] as const;
  });
  return { ...values, ...Object.fromEntries(stored) };
}

/** ‖a − b‖ / ‖b‖; infinite when an element is not finite or a length differs. */
export function relativeError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Infinity;
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < b.length; i++) {
    if (!Number.isFinite(a[i])) return Infinity;
    difference += (a[i] - b[i]) ** 2;
    norm += b[i] ** 2;
  }
  return norm === 0 ? Math.sqrt(difference) : Math.sqrt(difference / norm);
}

export function declare(graph: Graph, name: string, spec: Spec): Tensor {
  if (spec.role === 'weight') return graph.weight(name, spec.shape as number[]);
  if (spec.role === 'state') return graph.state(name, spec.shape, spec.dtype);
  return graph.input(name, spec.shape, spec.dtype);
}

/** Fills `out` with values as the stored dtype holds them; the same on every run. */
export function makeValues<T extends Values | Float32Array>(name: string, spec: Spec, out: T): T {
  const elements = out.length;
  let state = [...name].reduce((h, c) => Math.imul(h ^ c.charCodeAt(0), 0x01000193), 0x811c9dc5);
  for (let i = 0; i < elements; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    const uniform = ((state >>> 8) / 2 ** 23 - 1) * (spec.scale ?? 1) + (spec.shift ?? 0);
    const value = spec.fill ? spec.fill(i) : uniform;
    out[i] =
      spec.dtype === 'bf16'
        ? bf16ToNumber(numberToBf16(value))
        : spec.dtype === 'f16'
          ? f16ToNumber(numberToF16(value))
          : Math.fround(value);
    if (spec.dtype === 'u32' || spec.dtype === 'i32') out[i] = Math.floor(value);
  }
  return out;
}

/** The case's weights, in their stored dtype. */
export function sourceOf(test: OpCase, values: Readonly<Record<string, Values | Float32Array>>): WeightSource {
  return {
    dtype: (name) => test.tensors[name].dtype ?? 'f32',
    readF32: (name) => Promise.resolve(Float32Array.from(values[name])),
    read: (name, start, count) => {
      const { shape, dtype = 'f32' } = test.tensors[name];
      const row = (shape as number[]).slice(1).reduce((p, n) => p * n, 1);
      const part = values[name].subarray(start * row, (start + count) * row);
      const round = dtype === 'bf16' ? numberToBf16 : numberToF16;
      const bytes = dtype === 'f32' ? Float32Array.from(part) : Uint16Array.from(part, round);
      return Promise.resolve(new Uint8Array(bytes.buffer));
    },
  };
}
