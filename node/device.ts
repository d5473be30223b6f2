/** Dawn in Node: one device a process, kept reachable for as long as it lives, waited for without stealing a core from a CPU adapter. */
import { create, globals } from 'webgpu';
import { type Device, GpuError, openAdapter, subgroupMatrices } from '../src/engine/index.ts';

export interface NodeDeviceOptions {
  /** Dawn's own switches, `name=value`. */
  readonly dawn?: readonly string[];
  /** Features to have where the adapter has them, beside those that kernels use. */
  readonly features?: readonly GPUFeatureName[];
}

/** From now on the driver compiles every kernel anew; of this process alone, and only before it opens its first device. */
export function coldDriver(): void {
  process.env.MESA_SHADER_CACHE_DISABLE = 'true';
  process.env.__GL_SHADER_DISK_CACHE = '0';
}

/** Dawn's GPU object must stay referenced while its device lives. */
const kept = globalThis as { overtoneGpu?: GPU };

/** Opens the adapter that Dawn prefers (a hardware one where there is one). Errors: GpuError `no-adapter`. */
export async function openDevice(options: NodeDeviceOptions = {}): Promise<Device> {
  Object.assign(globalThis, globals);
  kept.overtoneGpu ??= create([...(options.dawn ?? [])]);
  const adapter = await kept.overtoneGpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) throw noAdapter(process.env);
  return openAdapter(adapter, { wait, now: () => performance.now() }, options.features, subgroupMatrices);
}

/** Features of WGSL that the opened Dawn knows. */
export const languageFeatures = (): ReadonlySet<string> => kept.overtoneGpu?.wgslLanguageFeatures ?? new Set();

/** Why there may be no adapter: a variable that chooses Vulkan's drivers, or no driver at all. */
export function noAdapter(env: Readonly<Record<string, string | undefined>>): GpuError {
  const name = ['VK_DRIVER_FILES', 'VK_ICD_FILENAMES', 'VK_ADD_DRIVER_FILES'].find((variable) => env[variable]);
  const sentence = name
    ? `Dawn must find an adapter but finds none while ${name} is ${JSON.stringify(env[name])}: unset ${name}, or let it name a driver that works`
    : 'a Vulkan, Metal or Direct3D 12 driver must be installed but Dawn found no adapter: run `npm run setup`, or install mesa-vulkan-drivers 25 or newer';
  return new GpuError('no-adapter', 'device', `[device] ${sentence}`);
}

const sleeper = new Int32Array(new SharedArrayBuffer(4));
let waiting = 0;
let waitingSince = 0;
let turning = false;

/**
 * While a promise is open, Dawn polls in every turn of the event loop and keeps a core busy that a CPU adapter needs. So each turn sleeps a
 * millisecond once the work has lasted two.
 */
export function wait<T>(promise: Promise<T>): Promise<T> {
  if (waiting++ === 0) waitingSince = performance.now();
  if (!turning) {
    turning = true;
    setImmediate(turn);
  }
  return promise.finally(() => {
    waiting--;
  });
}

function turn(): void {
  turning = waiting > 0;
  if (!turning) return;
  if (performance.now() - waitingSince > 2) Atomics.wait(sleeper, 0, 0, 1);
  setImmediate(turn);
}
