/**
 * linear by matrices of a subgroup, as far as no adapter that has them is needed: Dawn's null backend, which runs nothing, knows the feature and
 * checks the kernel's text.
 */
import { create, globals } from 'webgpu';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { wait } from '../../node/device.ts';
import { linearMatrixShader, matrixFits } from '../../shaders/linear_matrix.ts';
import {
  Device,
  GpuError,
  Graph,
  type PlanOptions,
  compile,
  linear,
  openAdapter,
  subgroupMatrices,
} from '../../src/engine/index.ts';
import {
  MATRIX_FEATURE,
  type MatrixTrial,
  matrixKernel,
  matrixShape,
  trustMatrices,
} from '../../src/engine/tune_matrices.ts';

const SHAPES = [
  { M: 8, N: 8, K: 8 },
  { M: 16, N: 16, K: 16 },
  { M: 8, N: 16, K: 16 },
];

let gpu: GPU; // stays referenced while its adapter lives
let adapter: GPUAdapter | null;
beforeAll(async () => {
  Object.assign(globalThis, globals);
  gpu = create(['backend=null', 'enable-dawn-features=allow_unsafe_apis']);
  adapter = await gpu.requestAdapter();
});

describe('the kernel', () => {
  test('is valid for each shape, dtype and epilogue', async (context) => {
    if (!adapter?.features.has(MATRIX_FEATURE)) return context.skip('needs a Dawn whose null backend has the feature');
    const device = await adapter.requestDevice({ requiredFeatures: ['shader-f16', 'subgroups', MATRIX_FEATURE] });
    const compile = async (code: string) => {
      device.pushErrorScope('validation');
      const module = device.createShaderModule({ code });
      device.createComputePipeline({ layout: 'auto', compute: { module, entryPoint: 'main' } });
      return (await device.popErrorScope())?.message;
    };
    const plain = { bias: false, residual: false, activation: 'none', vectorK: true, vectorN: true } as const;
    const full = { bias: true, residual: true, activation: 'gelu', vectorK: true, vectorN: false } as const;
    for (const shape of SHAPES)
      expect(await compile(linearMatrixShader({ ...full, weight: 'bf16', shape, lanes: 32 }))).toBeUndefined();
    for (const weight of ['f16', 'q8', 'q4'] as const)
      expect(await compile(linearMatrixShader({ ...plain, weight, shape: SHAPES[1], lanes: 64 }))).toBeUndefined();
    const broken = linearMatrixShader({ ...plain, weight: 'f16', shape: SHAPES[0], lanes: 32 });
    expect(await compile(broken.replaceAll('col_major', 'diagonal_major'))).toContain('diagonal_major');
    device.destroy();
  });

  test('is for shapes whose strips go round the subgroups and whose memory fits', () => {
    for (const shape of SHAPES) expect(matrixFits(shape, 32)).toBe(true);
    expect(matrixFits(SHAPES[0], 16)).toBe(true);
    expect(matrixFits(SHAPES[1], 16)).toBe(false); // 8 subgroups, 4 strips
    expect(matrixFits({ M: 8, N: 8, K: 64 }, 32)).toBe(false);
    expect(matrixFits({ M: 8, N: 8, K: 8 }, 48)).toBe(false);
  });
});

describe('the shape', () => {
  const config = { componentType: 'f16', resultComponentType: 'f32', M: 8, N: 8, K: 8 };
  const info = { subgroupMinSize: 32, subgroupMaxSize: 32, subgroupMatrixConfigs: [config] };
  const features = new Set(['subgroups', 'shader-f16', MATRIX_FEATURE]);

  test('is the largest of f16 factors and f32 sums', () => {
    const larger = { ...config, M: 16, N: 16, K: 16 };
    const others = [
      { ...larger, componentType: 'f32' },
      { ...larger, resultComponentType: 'f16' },
    ];
    const of = (subgroupMatrixConfigs: typeof others) =>
      matrixShape({ features, info: { ...info, subgroupMatrixConfigs } });
    expect(of([config, ...others])).toEqual(SHAPES[0]);
    expect(of([config, larger])).toEqual(SHAPES[1]);
    expect(of(others)).toBeUndefined();
  });

  test('is none without a feature, or where subgroups differ in size', () => {
    for (const missing of features) {
      const left = new Set([...features].filter((name) => name !== missing));
      expect(matrixShape({ features: left, info })).toBeUndefined();
    }
    expect(matrixShape({ features, info: { ...info, subgroupMinSize: 16 } })).toBeUndefined();
    expect(matrixShape({ features, info: { subgroupMinSize: 32, subgroupMaxSize: 32 } })).toBeUndefined();
  });

  test('is asked for only of an adapter that has one', async (context) => {
    const fresh = await gpu.requestAdapter();
    if (!fresh?.features.has(MATRIX_FEATURE)) return context.skip('needs a Dawn whose null backend has the feature');
    const device = await openAdapter(fresh, { wait, now: () => 0 }, [], subgroupMatrices);
    expect(device.matrixKernel).toBeUndefined();
    expect(device.features.has(MATRIX_FEATURE)).toBe(false);
    device.destroy();
  });
});

describe('the check at the start', () => {
  const right = Float32Array.of(1, -2e5, 3);
  const trial = (matrix: Partial<Awaited<ReturnType<MatrixTrial>>>) => (kernel: 'whole' | 'matrix') =>
    Promise.resolve({ y: right, ms: 2, ...(kernel === 'matrix' && matrix) });

  test('trusts matrices that are right and faster', async () => {
    expect(await trustMatrices(trial({ ms: 1 }))).toBe(true);
    expect(await trustMatrices(trial({ ms: 1, y: Float32Array.of(1, -2e5 + 1, 3) }))).toBe(true);
  });

  test('and none that are slower, wrong, not finite, or fail', async () => {
    expect(await trustMatrices(trial({ ms: 3 }))).toBe(false);
    expect(await trustMatrices(trial({ ms: 1, y: Float32Array.of(1, -2e5 + 20, 3) }))).toBe(false);
    expect(await trustMatrices(trial({ ms: 1, y: Float32Array.of(1, -Infinity, 3) }))).toBe(false);
    const fails = (kind: 'validation' | 'lost') =>
      trustMatrices((kernel) =>
        kernel === 'matrix' ? Promise.reject(new GpuError(kind, 'linear_matrix', 'no')) : trial({})(kernel),
      );
    expect(await fails('validation')).toBe(false);
    await expect(fails('lost')).rejects.toMatchObject({ kind: 'lost' });
  });

  test('runs both kernels on a device, gives all back, and trusts none that is not faster', async (context) => {
    const fresh = await gpu.requestAdapter();
    if (!fresh?.features.has(MATRIX_FEATURE)) return context.skip('needs a Dawn whose null backend has the feature');
    const requiredFeatures: GPUFeatureName[] = ['shader-f16', 'subgroups', MATRIX_FEATURE];
    const host = await fresh.requestDevice({ requiredFeatures });
    const device = await Device.open({ device: host, description: 'null', wait, now: () => 0 });
    const pipeline = vi.spyOn(device, 'pipeline');
    expect(await subgroupMatrices.check(device, matrixKernel(SHAPES[0], 32))).toBe(false);
    // this backend computes nothing: results are what memory held, so whether they agree, and larger ones are tried, is not decided
    const labels = pipeline.mock.calls.map(([label]) => label);
    expect(labels.slice(0, 2)).toEqual(['linear_tile', 'linear_matrix']);
    expect(device.totalBytes).toBe(device.ownBytes);
    device.destroy();
  });
});

describe('a plan', () => {
  const kernels = (rows: number, dtype: 'f32' | 'bf16', options: PlanOptions) => {
    const graph = new Graph('linear');
    graph.output('y', linear(graph.input('x', [rows, 128]), graph.weight('weight', [96, 128])));
    const { choices, dispatches } = compile(graph, { ...options, weightDtype: () => dtype });
    return { keys: choices.map(({ key }) => key), labels: dispatches.map((d) => d.label) };
  };
  const limits = { matrixKernel: matrixKernel(SHAPES[1], 32) };
  const key = 'linear columns=96 depth=128 weight=bf16: matrix whole';

  test('offers matrices where the device has them and weights are exact in f16, whatever the rows are', () => {
    for (const rows of [2, 200]) {
      expect(kernels(rows, 'bf16', limits).keys[0]).toBe(key);
      expect(kernels(rows, 'bf16', limits).labels).toEqual(['linear_tile']);
      const choices = new Map([[key, 'matrix']]);
      expect(kernels(rows, 'bf16', { ...limits, choices }).labels).toEqual(['linear_matrix']);
    }
    expect(kernels(2, 'f32', limits).keys).not.toContain(key);
    expect(kernels(2, 'bf16', {}).keys).not.toContain(key);
  });
});
