/**
 * A GPU on which any call may fail. A FaultyDevice is a DeviceHost over the process's one real device: it counts the calls that can fail,
 * fails the n-th in the way that such a call fails on real hardware, or loses the device there, and knows which buffers were given back.
 */
import { openDevice } from '../../node/device.ts';
import type { Device, DeviceHost } from '../../src/engine/index.ts';

/** The calls of WebGPU that report failure. */
export const CALLS = [
  'createBuffer',
  'createTexture',
  'createComputePipelineAsync',
  'mapAsync',
  'submit',
  'onSubmittedWorkDone',
  'popErrorScope',
] as const;
export type Call = (typeof CALLS)[number];

/**
 * `refused`: the call fails and the device lives on. `lost, silent`: the device is lost at the call, and no promise of it settles but `lost`.
 * `lost, polite`: promises settle as the specification says they do on a lost device, and `lost` resolves only after them.
 */
export const MODES = ['refused', 'lost, silent', 'lost, polite'] as const;
export type Mode = (typeof MODES)[number];

export interface Fault {
  /** Counted from 1 over the calls of all kinds. */
  readonly at: number;
  readonly mode: Mode;
}

let real: Promise<Device> | undefined;
/** Pipelines stay referenced, so that Dawn finds them again instead of compiling them for every run. */
const pipelines = new Set<GPUComputePipeline>();

/** Opens the real device on the first call. `fault` is the call to fail; none without. */
export async function faultyDevice(fault?: Fault): Promise<FaultyDevice> {
  real ??= openDevice();
  return new FaultyDevice(await real, fault);
}

/** Gives the real device back and throws what it reported outside every run. */
export async function closeRealDevice(): Promise<void> {
  const device = await real;
  pipelines.clear();
  real = undefined;
  try {
    device?.check();
  } finally {
    device?.destroy();
  }
}

interface Scope {
  readonly filter: GPUErrorFilter;
  error?: GPUError;
}

export class FaultyDevice implements DeviceHost {
  readonly device: GPUDevice;
  readonly description: string;
  /** The calls so far, in order. */
  readonly calls: Call[] = [];
  /** The call that failed. */
  hit: Call | undefined;
  /** Waits of the engine that have not ended. */
  waiting = 0;
  /** Whether the device is lost. */
  lost = false;
  private readonly live = new Map<GPUBuffer | GPUTexture, number>();
  private readonly scopes: Scope[] = [];
  private readonly gpu: GPUDevice;
  private announceLoss: (info: GPUDeviceLostInfo) => void = () => undefined;

  constructor(
    private readonly real: Device,
    private readonly fault: Fault | undefined,
  ) {
    this.gpu = real.gpu;
    this.description = real.description;
    this.device = this.face();
  }

  /** Bytes and number of buffers made and not destroyed. */
  get liveBytes(): number {
    return [...this.live.values()].reduce((a, b) => a + b, 0);
  }

  get liveBuffers(): number {
    return this.live.size;
  }

  now(): number {
    return performance.now();
  }

  async wait<T>(promise: Promise<T>): Promise<T> {
    this.waiting++;
    try {
      const settled = promise.then(
        () => undefined,
        () => undefined,
      );
      await this.real.wait('faulty device', settled); // as the platform waits
      return await promise;
    } finally {
      this.waiting--;
    }
  }

  /** The members of GPUDevice that the engine uses. */
  private face(): GPUDevice {
    const { gpu } = this;
    const queue = {
      submit: (buffers: GPUCommandBuffer[]) => {
        if (this.fails('submit')) return this.raise('validation', new GPUValidationError('injected: submit refused'));
        if (!this.lost) gpu.queue.submit(buffers);
      },
      onSubmittedWorkDone: () =>
        this.fails('onSubmittedWorkDone')
          ? rejection('injected: the queue was dropped')
          : this.promised(gpu.queue.onSubmittedWorkDone(), () => Promise.resolve(undefined)),
      writeBuffer: (...args: Parameters<GPUQueue['writeBuffer']>) => {
        if (!this.lost) gpu.queue.writeBuffer(...args);
      },
      writeTexture: (...args: Parameters<GPUQueue['writeTexture']>) => {
        if (!this.lost) gpu.queue.writeTexture(...args);
      },
    };
    const device = {
      limits: gpu.limits,
      features: gpu.features,
      adapterInfo: gpu.adapterInfo,
      lost: new Promise<GPUDeviceLostInfo>((resolve) => (this.announceLoss = resolve)),
      onuncapturederror: null,
      queue,
      pushErrorScope: (filter: GPUErrorFilter) => {
        this.scopes.push({ filter });
        gpu.pushErrorScope(filter);
      },
      popErrorScope: () => this.popErrorScope(),
      createBuffer: (descriptor: GPUBufferDescriptor) => this.createBuffer(descriptor),
      createTexture: (descriptor: GPUTextureDescriptor) => this.createTexture(descriptor),
      createComputePipelineAsync: (descriptor: GPUComputePipelineDescriptor) =>
        this.createComputePipelineAsync(descriptor),
      createShaderModule: gpu.createShaderModule.bind(gpu),
      createBindGroupLayout: gpu.createBindGroupLayout.bind(gpu),
      createPipelineLayout: gpu.createPipelineLayout.bind(gpu),
      createBindGroup: gpu.createBindGroup.bind(gpu),
      createCommandEncoder: gpu.createCommandEncoder.bind(gpu),
      destroy: () => {
        for (const buffer of [...this.live.keys()]) buffer.destroy();
        this.announceLoss({ reason: 'destroyed', message: 'destroyed' } as GPUDeviceLostInfo);
      },
    } as unknown as GPUDevice;
    gpu.onuncapturederror = (event) => {
      if (!this.lost) device.onuncapturederror?.call(device, event);
    };
    return device;
  }

  /** Counts a call; true when it is the one to refuse. */
  private fails(call: Call): boolean {
    if (this.calls.push(call) !== this.fault?.at) return false;
    this.hit = call;
    if (this.fault.mode === 'refused') return true;
    this.lose();
    return false;
  }

  /** Loses the device now, silently unless its fault is a polite one. */
  lose(): void {
    this.lost = true;
    const announce = () =>
      this.announceLoss({ reason: 'unknown', message: 'injected: device lost' } as GPUDeviceLostInfo);
    setTimeout(announce, this.fault?.mode === 'lost, polite' ? 20 : 0);
  }

  /** A promise of the device: lost devices keep theirs for ever, or settle them with `polite`. */
  private promised<T>(promise: Promise<T>, polite: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const end = (settle: () => void) => {
        if (!this.lost) settle();
        else if (this.fault?.mode === 'lost, polite') polite().then(resolve, reject);
      };
      promise.then(
        (value) => end(() => resolve(value)),
        (error: unknown) => end(() => reject(error instanceof Error ? error : new Error(String(error)))),
      );
    });
  }

  /** An error goes to the innermost scope of its kind, which keeps its first; without one it is uncaptured. */
  private raise(filter: GPUErrorFilter, error: GPUError): void {
    const scope = this.scopes.findLast((s) => s.filter === filter);
    if (scope) scope.error ??= error;
    else this.device.onuncapturederror?.call(this.device, { error } as GPUUncapturedErrorEvent);
  }

  private popErrorScope(): Promise<GPUError | null> {
    const scope = this.scopes.pop();
    const popped = this.gpu.popErrorScope();
    if (this.fails('popErrorScope')) {
      popped.catch(() => undefined);
      return rejection('injected: the scope was dropped');
    }
    return this.promised(
      popped.then((error) => scope?.error ?? error),
      () => Promise.resolve(null),
    );
  }

  private createBuffer(descriptor: GPUBufferDescriptor): GPUBuffer {
    const refused = this.fails('createBuffer');
    const buffer = refused || this.lost ? this.invalidBuffer(descriptor) : this.gpu.createBuffer(descriptor);
    if (refused) this.raise('out-of-memory', new GPUOutOfMemoryError('injected: out of memory'));
    this.live.set(buffer, descriptor.size);
    const { mapAsync, destroy } = buffer;
    buffer.mapAsync = (...args) => {
      if (this.fails('mapAsync')) return rejection('injected: mapping failed');
      const mapped = this.lost ? Promise.resolve(undefined) : mapAsync.apply(buffer, args);
      return this.promised(mapped, () => rejection('injected: device is lost', 'AbortError'));
    };
    buffer.destroy = () => {
      this.live.delete(buffer);
      destroy.call(buffer);
    };
    return buffer;
  }

  private createTexture(descriptor: GPUTextureDescriptor): GPUTexture {
    const refused = this.fails('createTexture');
    const texture = this.gpu.createTexture(descriptor);
    if (refused) this.raise('out-of-memory', new GPUOutOfMemoryError('injected: out of memory'));
    this.live.set(texture, texture.width * texture.height * 16);
    const { destroy } = texture;
    texture.destroy = () => {
      this.live.delete(texture);
      destroy.call(texture);
    };
    return texture;
  }

  /** A buffer as WebGPU returns it where there was no memory: every use of it is a validation error. */
  private invalidBuffer({ label, size }: GPUBufferDescriptor): GPUBuffer {
    this.gpu.pushErrorScope('validation');
    const buffer = this.gpu.createBuffer({ label, size, usage: 1 | 2 }); // MAP_READ | MAP_WRITE, which nothing may have
    this.gpu.popErrorScope().catch(() => undefined);
    return buffer;
  }

  private createComputePipelineAsync(descriptor: GPUComputePipelineDescriptor): Promise<GPUComputePipeline> {
    if (this.fails('createComputePipelineAsync'))
      return Promise.reject(new GPUPipelineError('injected: the driver gave up', { reason: 'internal' }));
    const made = this.gpu.createComputePipelineAsync(descriptor).then((pipeline) => {
      pipelines.add(pipeline);
      return pipeline;
    });
    return this.promised(made, () => made);
  }
}

function rejection(message: string, name = 'OperationError'): Promise<never> {
  return Promise.reject(new DOMException(message, name));
}
