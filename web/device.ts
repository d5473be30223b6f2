/** The GPU in a page or its worker: one adapter for each device, asked for three times, and what to do where there is none. */
import { type Device, GpuError, openAdapter, subgroupMatrices } from '../src/engine/index.ts';

export interface WebDeviceOptions {
  /** Features to have where the adapter has them, beside those that kernels use. */
  readonly features?: readonly GPUFeatureName[];
}

/** Waits before the second and the third try, milliseconds: a GPU process that has just ended is soon there again. */
const PAUSES = [300, 1500];
/** Milliseconds in which the browser must answer: one whose GPU process has just ended may never do so. */
const PATIENCE = 20_000;

/**
 * Chromium's GPU process looks for finished work when it is called: short calls take 0.7 ms on SwiftShader, and 2.6 without. A buffer that the page
 * reads is memory of two processes, and dear to make: 5 MB take 1 ms less in one that is kept.
 */
const HOST = { now: () => performance.now(), looksWhenCalled: true, resultBytes: 8 << 20 };

/**
 * Opens the adapter that the browser prefers (a hardware one where there is one), a fresh one at each try.
 * @throws GpuError `no-adapter` where the browser has no WebGPU, hides it from this page, or has no adapter after three tries.
 */
export async function openDevice(options: WebDeviceOptions = {}): Promise<Device> {
  const gpu = webgpu();
  for (const pause of [...PAUSES, undefined]) {
    const adapter = await patiently(gpu.requestAdapter({ powerPreference: 'high-performance' })).catch(() => null);
    if (adapter) {
      try {
        return await patiently(openAdapter(adapter, HOST, options.features, subgroupMatrices), (late) =>
          late.destroy(),
        );
      } catch (cause) {
        if (pause === undefined) throw noAdapter('but gave no device', TRY, cause);
      }
    }
    if (pause !== undefined) await new Promise((resolve) => setTimeout(resolve, pause));
  }
  throw noAdapter('but found none in three tries', TRY);
}

/** What `promise` gives within `PATIENCE`; `give` takes back what comes later. */
function patiently<T>(promise: Promise<T>, give: (late: T) => void = () => undefined): Promise<T> {
  return new Promise((resolve, reject) => {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      reject(new Error(`the browser did not answer for ${PATIENCE / 1000} s`));
    }, PATIENCE);
    const end = () => clearTimeout(timer);
    promise.then((value) => (late ? give(value) : resolve(value)), reject).finally(end);
  });
}

const TRY =
  'after a loss wait two minutes, in which browsers may refuse; else turn on hardware acceleration in the settings of the browser, update the graphics driver, or restart the browser';

/** Where WebGPU is known to be. */
const BROWSERS =
  'Chrome or Edge 113 or newer (Linux: 144), Safari 26 or newer, or Firefox 141 or newer on Windows (macOS: 145)';

function webgpu(): GPU {
  const { gpu } = navigator as { gpu?: GPU };
  if (gpu) return gpu;
  if (!isSecureContext)
    throw noAdapter(
      'but browsers hide it from pages that come over plain http',
      'open the page over https or from localhost',
    );
  throw noAdapter('but this browser has no WebGPU', `use ${BROWSERS}`);
}

function noAdapter(was: string, cure: string, cause?: unknown): GpuError {
  return new GpuError('no-adapter', 'device', `[device] the browser must give a WebGPU adapter ${was}: ${cure}`, {
    cause,
  });
}

/** What an adapter is and has, for a person to read or to copy. */
export interface DeviceInfo {
  readonly description: string;
  readonly vendor: string;
  readonly architecture: string;
  /** A software adapter, as far as the browser says so. */
  readonly software: boolean;
  readonly subgroupSize: number | undefined;
  readonly features: readonly string[];
  /** Limits of the device by name. */
  readonly limits: Readonly<Record<string, number>>;
}

export function deviceInfo(device: Device): DeviceInfo {
  const info: Partial<GPUAdapterInfo> = device.gpu.adapterInfo ?? {};
  const limits: Record<string, number> = {};
  for (const name in device.limits) {
    const value: unknown = device.limits[name as keyof GPUSupportedLimits];
    if (typeof value === 'number') limits[name] = value;
  }
  return {
    description: device.description,
    vendor: info.vendor ?? '',
    architecture: info.architecture ?? '',
    software: info.isFallbackAdapter ?? /swiftshader|llvmpipe|lavapipe/i.test(device.description),
    subgroupSize: device.subgroupSize,
    features: [...device.features].sort(),
    limits,
  };
}

/** GPU bytes in use. */
export interface MemoryUse {
  /** By what they are for. */
  readonly bytes: Device['bytes'];
  readonly total: number;
  /** Largest total so far. */
  readonly peak: number;
  /** Bytes of JavaScript's heap, where the browser tells. */
  readonly heap: number | undefined;
}

export function memoryUse(device: Device): MemoryUse {
  const { memory } = performance as { memory?: { usedJSHeapSize: number } };
  return {
    bytes: { ...device.bytes },
    total: device.totalBytes,
    peak: device.peakBytes,
    heap: memory?.usedJSHeapSize,
  };
}
