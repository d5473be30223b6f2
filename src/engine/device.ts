/**
 * The engine's view of a GPUDevice: every buffer is tracked by purpose, pipelines are made once per kernel text, and every failure (validation,
 * memory, loss) reaches the caller as a GpuError that names what was being done.
 */
import { GpuError, type GpuErrorKind, OvertoneError } from './errors.ts';
import type { Limits, MatrixKernel } from './op.ts';
import type { PlanLimits } from './plan.ts';
import { shaderInterface } from './shader.ts';
import { Staging } from './staging.ts';
import { Pace, Stream } from './stream.ts';
import { UniformPage } from './uniforms.ts';

/** What the platform provides: a device, and how to wait for it. */
export interface DeviceHost {
  readonly device: GPUDevice;
  /** The adapter in words, e.g. for reports. */
  readonly description: string;
  /** Waits for a GPU promise; a platform whose event loop must be helped does so here. */
  wait?<T>(promise: Promise<T>): Promise<T>;
  /** Milliseconds, monotonic. */
  now(): number;
  /** The platform looks for finished work when a call comes, and otherwise every few milliseconds only: what is waited for is asked about. */
  readonly looksWhenCalled?: boolean;
  /** Bytes of the buffer that is kept for results, where making one is dear. */
  readonly resultBytes?: number;
}

export type Purpose = 'weights' | 'activations' | 'state' | 'transfer' | 'uniforms';

/** A buffer that knows its purpose and gives its bytes back once. */
export interface DeviceBuffer {
  readonly gpu: GPUBuffer;
  readonly label: string;
  readonly bytes: number;
  readonly destroyed: boolean;
  destroy(): void;
}

/** A tensor or weights as an image, of 16-byte texels. */
export interface DeviceImage {
  readonly view: GPUTextureView;
  readonly texture: GPUTexture;
  readonly width: number;
  readonly height: number;
  destroy(): void;
}

/** Hears of every dispatch before it is encoded. */
export interface Profiler {
  /** Of plan `plan`, by the kernel `label`. Timestamps, where it gives some, make a pass of the dispatch and are written around it. */
  dispatch(plan: string, label: string): GPUComputePassTimestampWrites | undefined;
  /** Milliseconds that the host took to encode a dispatch, copies before it included, or to hand over a submit. */
  host?(step: 'encode' | 'submit', ms: number): void;
}

export interface Pipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

const STORAGE = 128 | 8 | 4; // STORAGE | COPY_DST | COPY_SRC
/** Round trips to the platform in which short work ends. */
const CALLS = 4;
const filters: readonly GPUErrorFilter[] = ['validation', 'out-of-memory', 'internal'];

export class Device {
  readonly limits: GPUSupportedLimits;
  readonly features: GPUSupportedFeatures;
  readonly description: string;
  /** Bytes alive, by purpose. */
  readonly bytes: Record<Purpose, number> = { weights: 0, activations: 0, state: 0, transfer: 0, uniforms: 0 };
  /** Largest sum of `bytes` so far. */
  peakBytes = 0;
  /** New activation buffers are filled with NaN, so that an element no kernel wrote shows. For tests. */
  poison = false;
  /** Whoever opened the device has checked it. */
  matrixKernel: MatrixKernel | undefined;
  /** Counts and times dispatches. For measuring: timestamps cost time. */
  profiler: Profiler | undefined;
  private readonly pipelines = new Map<string, Promise<Pipeline>>();
  private readonly owned = new Set<{ destroy(): void }>();
  /** Why the device is gone. */
  private stopped: string | undefined;
  /** Ends of all waits that are open. */
  private readonly waiting = new Set<() => void>();
  private uncaptured: GpuError | undefined;

  private page: UniformPage | undefined;
  private staging: Staging | undefined;
  private readonly pace = new Pace();

  private constructor(private readonly host: DeviceHost) {
    const { device } = host;
    this.limits = device.limits;
    this.features = device.features;
    this.description = host.description;
    void device.lost.then((info) => this.stop(`was lost: ${info.message.replace(/\.\s*$/, '') || info.reason}`));
    device.onuncapturederror = (event) => {
      this.uncaptured ??= toGpuError('device', event.error);
    };
  }

  /** Takes over a device of the platform. It must have no other owner. */
  static async open(host: DeviceHost): Promise<Device> {
    const device = new Device(host);
    try {
      await device.scope('uniforms and results', () => {
        device.page = UniformPage.create(device);
        device.staging = Staging.create(device, host.resultBytes);
      });
    } catch (error) {
      device.destroy();
      throw error;
    }
    return device;
  }

  /** Uniform blocks of all kernels. */
  get uniforms(): UniformPage {
    return this.page!;
  }

  /** Opens a stream of commands; `finish` or `abandon` it. */
  stream(name: string, signal?: AbortSignal): Stream {
    this.check(name);
    return new Stream(this, this.pace, name, signal, (flush) => this.uniforms.attach(flush));
  }

  get gpu(): GPUDevice {
    return this.host.device;
  }

  /** Sum of all bytes alive. */
  get totalBytes(): number {
    return Object.values(this.bytes).reduce((a, b) => a + b, 0);
  }

  /** Bytes that the device itself needs for as long as it lives. */
  get ownBytes(): number {
    return this.page!.buffer.bytes + this.staging!.bytes;
  }

  now(): number {
    return this.host.now();
  }

  /** Throws if the device is lost, destroyed, or has reported an error nobody was waiting for. `label` is what wants to go on. */
  check(label = 'device'): void {
    if (this.stopped !== undefined) throw this.gone(label);
    if (this.uncaptured) {
      const error = this.uncaptured;
      this.uncaptured = undefined;
      throw error;
    }
  }

  /** Waits for a GPU promise; loss or destruction of the device ends the wait. */
  async wait<T>(label: string, promise: Promise<T>): Promise<T> {
    const guarded = new Promise<T>((resolve, reject) => {
      const end = () => reject(this.gone(label));
      if (this.stopped === undefined) this.waiting.add(end);
      else end();
      void promise.then(resolve, reject).finally(() => this.waiting.delete(end));
    });
    try {
      return await (this.host.wait ? this.host.wait(guarded) : guarded);
    } catch (error) {
      throw this.failed(label, error);
    }
  }

  /** Whatever a call of the GPU threw; after the loss of the device that is the reason of it. */
  private failed(label: string, error: unknown): GpuError {
    if (error instanceof GpuError && error.kind === 'lost') return error;
    return this.stopped === undefined ? toGpuError(label, error) : this.gone(label, error);
  }

  private gone(label: string, cause?: unknown): GpuError {
    const message = `[${label}] the GPU device must stay alive but ${this.stopped}; open the model again`;
    return new GpuError('lost', label, message, { cause });
  }

  private stop(why: string): void {
    this.stopped ??= why;
    for (const end of this.waiting) end();
    this.waiting.clear();
  }

  /** Runs `body`, which makes GPU calls and does not wait, and throws the first error that it caused. */
  async scope<T>(label: string, body: () => T): Promise<T> {
    this.check(label);
    const { device } = this.host;
    for (const filter of filters) device.pushErrorScope(filter);
    let result: T | undefined;
    let thrown: unknown;
    const inUse = this.totalBytes;
    try {
      result = body();
    } catch (error) {
      thrown = error;
    }
    const memory = { asked: this.totalBytes - inUse, inUse };
    const popped = filters.map(() => {
      try {
        return device.popErrorScope();
      } catch (error) {
        return Promise.reject(error instanceof Error ? error : new Error(String(error)));
      }
    });
    const settled = await this.wait(label, Promise.allSettled(popped));
    if (thrown instanceof OvertoneError) throw thrown;
    if (thrown !== undefined) throw toGpuError(label, thrown, memory);
    for (const entry of settled) {
      if (entry.status === 'rejected') throw toGpuError(label, entry.reason, memory);
      if (entry.value) throw toGpuError(label, entry.value, memory);
    }
    return result as T;
  }

  /** Makes a buffer; call inside `scope`, which reports a failure. `bytes` is rounded up to 4. */
  createBuffer(label: string, bytes: number, usage: GPUBufferUsageFlags, purpose: Purpose): DeviceBuffer {
    this.check(label);
    const size = bufferBytes(bytes);
    const poisoned = this.poison && purpose === 'activations';
    const gpu = this.host.device.createBuffer({ label, size, usage, mappedAtCreation: poisoned });
    if (poisoned) {
      new Uint8Array(gpu.getMappedRange()).fill(0xff);
      gpu.unmap();
    }
    this.bytes[purpose] += size;
    this.peakBytes = Math.max(this.peakBytes, this.totalBytes);
    const { owned } = this;
    const buffer: DeviceBuffer = {
      gpu,
      label,
      bytes: size,
      get destroyed() {
        return !owned.has(buffer);
      },
      destroy: () => {
        if (!this.owned.delete(buffer)) return;
        this.bytes[purpose] -= size;
        gpu.destroy();
      },
    };
    this.owned.add(buffer);
    return buffer;
  }

  /** A buffer that kernels read and write and the host copies in and out of. */
  createStorage(label: string, bytes: number, purpose: Purpose): DeviceBuffer {
    return this.createBuffer(label, bytes, STORAGE, purpose);
  }

  /** Makes an image of `width` × `height` texels, of four f32, or of four u32 for weights; call inside `scope`. */
  createImage(
    label: string,
    width: number,
    height: number,
    purpose: 'activations' | 'weights' = 'activations',
  ): DeviceImage {
    this.check(label);
    const texture = this.host.device.createTexture({
      label,
      size: [width, height],
      format: purpose === 'weights' ? 'rgba32uint' : 'rgba32float',
      usage: 4 | 2, // TEXTURE_BINDING | COPY_DST
    });
    const bytes = width * height * 16;
    this.bytes[purpose] += bytes;
    this.peakBytes = Math.max(this.peakBytes, this.totalBytes);
    const image: DeviceImage = {
      texture,
      view: texture.createView(),
      width,
      height,
      destroy: () => {
        if (!this.owned.delete(image)) return;
        this.bytes[purpose] -= bytes;
        texture.destroy();
      },
    };
    this.owned.add(image);
    return image;
  }

  /** Lanes of a subgroup, where kernels may use subgroups and all have one size. */
  get subgroupSize(): number | undefined {
    const info: Partial<GPUAdapterInfo> | undefined = this.host.device.adapterInfo; // younger than the rest of WebGPU
    const least = info?.subgroupMinSize;
    return this.features.has('subgroups') && least === info?.subgroupMaxSize ? least : undefined;
  }

  /** The adapter as WebGPU tells it; empty where it doesn't. */
  get adapter(): {
    readonly vendor: string;
    readonly architecture: string;
    readonly device: string;
    readonly driver: string;
  } {
    const info: Partial<GPUAdapterInfo> | undefined = this.host.device.adapterInfo; // younger than the rest of WebGPU
    const { vendor = '', architecture = '', device = '', description: driver = '' } = info ?? {};
    return { vendor, architecture, device, driver };
  }

  /** What plans must know of this device. */
  get planLimits(): Limits & PlanLimits {
    const { maxStorageBufferBindingSize, maxBufferSize, maxTextureDimension2D, maxComputeWorkgroupStorageSize } =
      this.limits;
    const limits = {
      maxStorageBufferBindingSize,
      maxBufferSize,
      maxTextureDimension2D,
      maxComputeWorkgroupStorageSize,
    };
    const { vendor, architecture } = this.adapter;
    const { subgroupSize, matrixKernel } = this;
    return { ...limits, subgroupSize, matrixKernel, vendor, architecture };
  }

  /** The pipeline of a kernel, compiled once for each text. Bindings follow the kernel's own declarations; uniforms have a dynamic offset. */
  pipeline(label: string, text: string): Promise<Pipeline> {
    let made = this.pipelines.get(text);
    if (!made) {
      made = this.compile(label, text);
      this.pipelines.set(text, made);
      made.catch(() => this.pipelines.delete(text));
    }
    return made;
  }

  private async compile(label: string, text: string): Promise<Pipeline> {
    const { device } = this.host;
    const shader = shaderInterface(label, text);
    let pending: Promise<GPUComputePipeline> | undefined;
    const layout = await this.scope(label, () => {
      const entries: GPUBindGroupLayoutEntry[] = shader.bindings.map((b) => ({
        binding: b.index,
        visibility: 4, // GPUShaderStage.COMPUTE
        ...(b.kind === 'texture' || b.kind === 'weights'
          ? { texture: { sampleType: b.kind === 'texture' ? ('unfilterable-float' as const) : ('uint' as const) } }
          : { buffer: { type: b.kind === 'write' ? ('storage' as const) : ('read-only-storage' as const) } }),
      }));
      if (shader.params)
        entries.push({
          binding: shader.params.index,
          visibility: 4,
          buffer: { type: 'uniform', hasDynamicOffset: true },
        });
      const bindGroupLayout = device.createBindGroupLayout({ label, entries });
      const module = device.createShaderModule({ label, code: text });
      pending = device.createComputePipelineAsync({
        label,
        layout: device.createPipelineLayout({ label, bindGroupLayouts: [bindGroupLayout] }),
        compute: { module, entryPoint: 'main' },
      });
      pending.catch(() => undefined);
      return bindGroupLayout;
    });
    return { pipeline: await this.wait(label, pending!), layout };
  }

  /** Copies `bytes` of a buffer into host memory. Waits for all work submitted before. */
  async read(buffer: DeviceBuffer, offset: number, bytes: number): Promise<Uint8Array<ArrayBuffer>> {
    const size = Math.ceil(bytes / 4) * 4;
    const label = `read ${buffer.label}`;
    let staging: DeviceBuffer | undefined;
    let mapped: Promise<void> | undefined;
    try {
      await this.scope(label, () => {
        staging = this.staging!.take(label, size);
        const encoder = this.gpu.createCommandEncoder();
        encoder.copyBufferToBuffer(buffer.gpu, offset, staging.gpu, 0, size);
        this.gpu.queue.submit([encoder.finish()]);
        mapped = staging.gpu.mapAsync(1, 0, size); // at once: waiting for the scope first would be another turn of the event loop
        mapped.catch(() => undefined);
      });
      const here = this.wait(label, mapped!);
      if (this.host.looksWhenCalled) void this.askAbout(here);
      await here;
      return new Uint8Array(staging!.gpu.getMappedRange(0, size).slice(0, bytes));
    } catch (error) {
      throw this.failed(label, error);
    } finally {
      if (staging) this.staging!.give(staging);
    }
  }

  /** Calls the platform a few times while `work` is under way. Short work is seen at its end, and long work costs no more than these calls. */
  private async askAbout(work: Promise<unknown>): Promise<void> {
    let under = true;
    const end = () => (under = false);
    work.then(end, end);
    try {
      for (let i = 0; i < CALLS && under; i++) {
        this.gpu.pushErrorScope('validation');
        await this.gpu.popErrorScope();
      }
    } catch {
      // the device is gone, which `work` tells
    }
  }

  /** Gives everything back: all buffers, then the device itself. */
  destroy(): void {
    for (const buffer of [...this.owned]) buffer.destroy();
    this.pipelines.clear();
    this.stop('was destroyed');
    this.host.device.onuncapturederror = null; // Dawn in Node keeps a device alive for its handler
    this.host.device.destroy();
  }
}

/** What a buffer of `bytes` takes. */
export const bufferBytes = (bytes: number): number => Math.max(16, Math.ceil(bytes / 4) * 4);

/** Any failure of a GPU call as a GpuError naming `label`; one of memory also says how many bytes were asked for, where that is known. */
export function toGpuError(
  label: string,
  error: unknown,
  memory?: { readonly asked: number; readonly inUse: number },
): GpuError {
  if (error instanceof GpuError) return error;
  const { name = '', message = String(error) } = error as { name?: string; message?: string };
  const type = (error as object | undefined)?.constructor?.name ?? name;
  const kind: GpuErrorKind =
    /OutOfMemory/.test(type) || /out of memory/i.test(message)
      ? 'out-of-memory'
      : /lost/i.test(message)
        ? 'lost'
        : /Validation|Pipeline|TypeError/.test(type)
          ? 'validation'
          : 'internal';
  const cure =
    kind === 'out-of-memory' ? ': choose a smaller picture or batch, or close other programs that use the GPU' : '';
  const megabytes = (bytes: number) => `${Math.ceil(bytes / 1e6)} MB`;
  const numbers =
    kind === 'out-of-memory' && memory && memory.asked > 0
      ? ` for ${megabytes(memory.asked)} more than the ${megabytes(memory.inUse)} in use`
      : '';
  return new GpuError(
    kind,
    label,
    `[${label}] the GPU must accept this step but answered ${kind}${numbers}: ${message.trim().split('\n')[0]}${cure}`,
    { cause: error },
  );
}
