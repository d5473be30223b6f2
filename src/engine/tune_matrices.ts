/**
 * Matrices of a subgroup (Dawn's `chromium-experimental-subgroup-matrix`): which shape of an adapter's `linear` takes, and the check at the start that
 * turns them off where a small product is not the plain kernel's or a large one takes longer.
 */
import { type MatrixShape, linearMatrixShader, matrixFits, matrixTile } from '../../shaders/linear_matrix.ts';
import type { Matrices } from './adapter.ts';
import type { Choices } from './choice.ts';
import type { Device } from './device.ts';
import { numberToBf16 } from './dtype.ts';
import { GpuError, GraphError } from './errors.ts';
import { Graph } from './graph.ts';
import type { MatrixKernel } from './op.ts';
import { linear } from './ops/linear.ts';
import { compile } from './plan.ts';
import { createSession } from './session.ts';
import { Timer } from './timer.ts';
import { WeightStore } from './weights.ts';

export const MATRIX_FEATURE = 'chromium-experimental-subgroup-matrix' as GPUFeatureName;

/** What an adapter says of itself, beside what WebGPU's types know. */
interface MatrixInfo {
  readonly subgroupMinSize?: number;
  readonly subgroupMaxSize?: number;
  readonly subgroupMatrixConfigs?: Iterable<
    MatrixShape & { readonly componentType: string; readonly resultComponentType: string }
  >;
}

/** The largest shape of f16 factors and f32 sums that `linear` has a kernel for; undefined where there is none. */
export function matrixShape(adapter: {
  readonly features: ReadonlySet<string>;
  readonly info: MatrixInfo;
}): MatrixShape | undefined {
  const { features, info } = adapter;
  const lanes = info.subgroupMinSize;
  if (![MATRIX_FEATURE, 'shader-f16', 'subgroups'].every((name) => features.has(name))) return undefined;
  if (!lanes || lanes !== info.subgroupMaxSize) return undefined;
  const shapes = [...(info.subgroupMatrixConfigs ?? [])]
    .filter((config) => config.componentType === 'f16' && config.resultComponentType === 'f32')
    .map(({ M, N, K }) => ({ M, N, K }))
    .filter((shape) => matrixFits(shape, lanes));
  return shapes.sort((a, b) => b.M * b.N * b.K - a.M * a.N * a.K).at(0);
}

/** A product by one of two kernels: its result, and the milliseconds that it took. */
export type MatrixTrial = (
  kernel: 'whole' | 'matrix',
  size: keyof typeof SIZES,
) => Promise<{ y: Float32Array; ms: number }>;

/** Ragged edges, and one that fills a GPU. */
const SIZES = { small: [70, 68, 96], large: [512, 1024, 1024] } as const;
/** Largest ‖matrix − whole‖ / ‖whole‖. */
const AGREEMENT = 1e-5;
const ROUNDS = 3;

/** Whether matrices are right and faster; a kernel that fails is neither. @throws GpuError `lost`. */
export async function trustMatrices(trial: MatrixTrial): Promise<boolean> {
  try {
    const [whole, matrix] = [await trial('whole', 'small'), await trial('matrix', 'small')];
    if (!(apart(matrix.y, whole.y) <= AGREEMENT)) return false;
    const best = { whole: Infinity, matrix: Infinity };
    for (let round = 0; round < ROUNDS; round++)
      for (const kernel of ['whole', 'matrix'] as const)
        best[kernel] = Math.min(best[kernel], (await trial(kernel, 'large')).ms);
    return best.matrix < best.whole;
  } catch (error) {
    if (error instanceof GpuError && error.kind === 'lost') throw error;
    return false;
  }
}

function apart(a: Float32Array, b: Float32Array): number {
  let [difference, norm] = [0, 0];
  for (let i = 0; i < b.length; i++) {
    difference += (a[i] - b[i]) ** 2;
    norm += b[i] ** 2;
  }
  return Math.sqrt(difference / norm);
}

/** Whether the matrices of `device`, which has the feature, are to be trusted. Nothing is held afterwards. @throws GpuError `lost`. */
async function check(device: Device, own: MatrixKernel): Promise<boolean> {
  const timer = await Timer.create(device);
  try {
    return await trustMatrices((kernel, size) => product(device, timer, own, kernel, SIZES[size]));
  } finally {
    timer.destroy();
  }
}

async function product(
  device: Device,
  timer: Timer,
  matrixKernel: MatrixKernel,
  kernel: 'whole' | 'matrix',
  [M, N, K]: readonly [number, number, number],
): Promise<{ y: Float32Array; ms: number }> {
  const graph = new Graph('matrices');
  graph.output('y', linear(graph.input('x', [M, K]), graph.weight('weight', [N, K])));
  const options = { ...device.planLimits, matrixKernel, weightDtype: () => 'bf16' as const };
  const choices: Choices = new Map(compile(graph, options).choices.map(({ key }) => [key, kernel]));
  const plan = compile(graph, { ...options, choices });
  if (plan.choices[0]?.chosen !== kernel)
    throw new GraphError(`[matrices] linear must be computed by ${kernel} but takes ${plan.choices[0]?.chosen}`);
  const weights = new WeightStore(device);
  try {
    await weights.load(plan.weights, formula(K));
    const session = await createSession(device, plan, { weights });
    try {
      // beyond what f16 holds
      const x = Float32Array.from({ length: M * K }, (_, i) => Math.sin(i) * (i % 7 === 0 ? 2e5 : 1));
      const first = device.stream('matrices');
      first.write(session.buffer('x'), x);
      await session.encode(first);
      await first.finish();
      const ms = await timer.time('matrices', (stream) => session.encode(stream));
      return { y: await session.read('y'), ms };
    } finally {
      session.destroy();
    }
  } finally {
    weights.destroy();
  }
}

/** Weights of K columns, in bf16. */
const formula = (K: number) => ({
  dtype: () => 'bf16' as const,
  read(_: string, start: number, count: number) {
    const values = Uint16Array.from({ length: count * K }, (_, i) => numberToBf16(Math.cos(start * K + i) / 8));
    return Promise.resolve(new Uint8Array(values.buffer));
  },
  readF32: () => Promise.resolve(new Float32Array()),
});

/** The kernel of `linear` for a shape and subgroups of one size. */
export const matrixKernel = (shape: MatrixShape, lanes: number): MatrixKernel => ({
  tile: matrixTile,
  shader: (options) => linearMatrixShader({ ...options, shape, lanes }),
});

/** For `openAdapter`: the matrices of adapters that have them, checked while the device is opened. */
export const subgroupMatrices: Matrices = {
  features: ['shader-f16', MATRIX_FEATURE],
  kernel(adapter) {
    const shape = matrixShape(adapter);
    return shape && matrixKernel(shape, adapter.info.subgroupMinSize!);
  },
  check,
};
