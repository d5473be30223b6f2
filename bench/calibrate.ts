/** What the adapter can do: each rate by the simplest kernel that reaches it. */
import type { Device, Stream, Timer } from '../src/engine/index.ts';
import type { Calibration } from './record.ts';
import { median } from './stats.ts';

const CHAINS = 10;
const UNROLLED = 32;
const LANES = 64;
/** Milliseconds that one measurement should take. */
const AIM = 20;
const COPIED = 64 << 20;

const each = (n: number, line: (i: number) => string) => Array.from({ length: n }, (_, i) => line(i)).join('\n');

/** Independent chains of `step`, unrolled; the values come from memory and end there, so that nothing can be left out. */
const chains = (head: string, type: string, start: string, step: (name: string) => string, sum: string) => `${head}
@group(0) @binding(0) var<storage, read_write> data: array<${type === 'i32' ? 'i32' : 'f32'}>;
@compute @workgroup_size(${LANES})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let m = ${start};
  ${each(CHAINS, (i) => `var s${i} = m + ${type}(${type === 'i32' ? `i32(id.x) + ${i}` : `f32(id.x) + ${i}.0`});`)}
  for (var k = 0u; k < ROUNDSu; k++) {
    ${each(UNROLLED, () => each(CHAINS, (i) => step(`s${i}`)))}
  }
  let total = ${Array.from({ length: CHAINS }, (_, i) => `s${i}`).join(' + ')};
  data[id.x % 64u] = ${sum};
}`;

const f32 = (step: (name: string) => string) => chains('', 'f32', 'data[64u]', step, 'total');
const fused = f32((s) => `${s} = fma(${s}, m, m);`);
const separate = f32((s) => `${s} = ${s} * m + m;`);
const half = chains(
  'enable f16;',
  'vec2h',
  'vec2h(f16(data[64u]))',
  (s) => `${s} = fma(${s}, m, m);`,
  'f32(total.x + total.y)',
).replaceAll('vec2h(f32(', 'vec2h(f16(');
const dot4 = chains(
  'requires packed_4x8_integer_dot_product;',
  'i32',
  'data[64u]',
  (s) => `${s} += dot4I8Packed(bitcast<u32>(${s}), bitcast<u32>(m));`,
  'total',
);

const copying = `
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3u) {
  y[id.x] = x[id.x];
}`;

const empty = `@compute @workgroup_size(1) fn main() {}`;

/** A way to use the adapter fully, to be repeated beside what is measured. */
export type Probe = () => Promise<number>;

export interface Calibrated {
  readonly calibration: Calibration;
  /** GFLOP/s and GB/s at this moment. */
  readonly f32: Probe;
  readonly bandwidth: Probe;
  destroy(): void;
}

/** Measures the adapter. `languageFeatures` are those of WGSL that it knows. */
export async function calibrate(
  device: Device,
  timer: Timer,
  languageFeatures: ReadonlySet<string>,
): Promise<Calibrated> {
  const owned: { destroy(): void }[] = [];
  const buffer = (label: string, bytes: number) =>
    device.scope(label, () => {
      const made = device.createStorage(label, bytes, 'transfer');
      owned.push(made);
      return made.gpu;
    });
  const data = await buffer('chains', 65 * 4);
  const size = Math.min(COPIED, device.limits.maxStorageBufferBindingSize);
  const [from, to] = [await buffer('from', size), await buffer('to', size)];

  const perRound = LANES * CHAINS * UNROLLED;
  const arithmetic = async (text: string, perStep: number) => {
    const run = await kernel(device, text.replace('ROUNDS', '64'), [data]);
    const work = perRound * 64 * perStep;
    return sustained(timer, 16, (stream, groups) => run(stream, groups), work);
  };
  const copies = (encode: (stream: Stream) => void): Promise<Probe> =>
    sustained(timer, 1, (stream, times) => repeat(times, () => encode(stream)), 2 * size);

  const candidates = [await arithmetic(fused, 2), await arithmetic(separate, 2)];
  const rates = [await steady(candidates[0]), await steady(candidates[1])];
  const f32 = candidates[rates[0] >= rates[1] ? 0 : 1];
  const copyKernel = await kernel(device, copying, [from, to]);
  const byKernel = await copies((stream) => copyKernel(stream, size / 16 / 256));
  const byCopy = await copies((stream) => stream.commands((e) => e.copyBufferToBuffer(from, 0, to, 0, size)));
  const nothing = await kernel(device, empty, []);
  const launches = 500;
  const launching = await repeated(7, () => timer.time('launches', (s) => repeat(launches, () => nothing(s, 1))));

  const [copy, kernelCopy] = [await steady(byCopy), await steady(byKernel)];
  const calibration: Calibration = {
    f32: Math.max(...rates),
    ...(device.features.has('shader-f16') && { f16: await steady(await arithmetic(half, 4)) }),
    ...(languageFeatures.has('packed_4x8_integer_dot_product') && { dot4: await steady(await arithmetic(dot4, 8)) }),
    copy,
    kernelCopy,
    dispatch: (median(launching) / launches) * 1e3,
    submit: median(await repeated(15, () => latency(device))),
  };
  return {
    calibration,
    f32,
    bandwidth: byKernel,
    destroy: () => {
      for (const object of owned) object.destroy();
    },
  };
}

/** A probe of `units` a repetition, with as many repetitions as fill its time; G units a second. */
async function sustained(
  timer: Timer,
  least: number,
  run: (stream: Stream, repetitions: number) => void,
  units: number,
): Promise<Probe> {
  const once = (n: number) => timer.time('calibration', (stream) => run(stream, n));
  let n = least;
  await once(n); // compiled by now
  for (let ms = await once(n); ms < AIM / 2 && n < 65536 / 4; ms = await once(n))
    n = Math.ceil(n * Math.min(4, AIM / ms));
  return async () => (n * units) / (await once(n)) / 1e6;
}

async function steady(probe: Probe): Promise<number> {
  return median(await repeated(7, probe));
}

async function repeated(times: number, task: () => Promise<number>): Promise<number[]> {
  const results: number[] = [];
  for (let i = 0; i < times; i++) results.push(await task());
  return results;
}

function repeat(times: number, task: () => void): void {
  for (let i = 0; i < times; i++) task();
}

async function latency(device: Device): Promise<number> {
  const start = performance.now();
  device.gpu.queue.submit([device.gpu.createCommandEncoder().finish()]);
  await device.wait('latency', device.gpu.queue.onSubmittedWorkDone());
  return performance.now() - start;
}

/** Compiles a kernel of ours that is no op; the function puts one dispatch of it on a stream. */
async function kernel(device: Device, code: string, buffers: readonly GPUBuffer[]) {
  const pipeline = await device.wait(
    'calibration',
    device.gpu.createComputePipelineAsync({
      layout: 'auto',
      compute: { module: device.gpu.createShaderModule({ code }), entryPoint: 'main' },
    }),
  );
  const group = await device.scope('calibration', () =>
    device.gpu.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
    }),
  );
  return (stream: Stream, groups: number) => {
    const pass = stream.compute('calibration', 'calibration', 0);
    pass.setPipeline(pipeline);
    if (buffers.length > 0) pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(groups);
  };
}
