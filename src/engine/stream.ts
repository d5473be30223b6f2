/**
 * A stream: commands on their way to the queue. Sessions encode into it; it submits in slices of bounded predicted time, so that no submit
 * holds the GPU for long and a run can be cancelled between slices.
 */
import type { Device, DeviceBuffer, DeviceImage } from './device.ts';
import { ArgumentError, throwIfAborted } from './errors.ts';

/** Aim for a slice, milliseconds. */
const SLICE_MS = 100;
/** Most that a slice of several dispatches may be predicted to take, milliseconds: systems take the device away from work that lasts seconds. */
const MOST_MS = 500;
/** Slices that may be on the GPU at once. */
const IN_FLIGHT = 2;

/**
 * How long work takes on a device, learned from finished slices. It starts fifty times slower than a software adapter on two cores, so that the
 * first slices on an unknown device are short. A slow slice counts at once, since the next must not be as long; fast ones by and by, since
 * kernels differ. What a short slice takes is mostly its way to the device and back, so it never counts as slow.
 */
export class Pace {
  /** Predicted nanoseconds a FLOP (or a tenth of a byte). */
  nsPerUnit = 2.5;

  /** A slice of `units` took `ms`. */
  learn(units: number, ms: number): void {
    const seen = (ms * 1e6) / units;
    if (seen <= this.nsPerUnit) this.nsPerUnit = Math.max(0.5 * this.nsPerUnit + 0.5 * seen, LEAST_NS);
    else if (ms >= LONG_MS) this.nsPerUnit = Math.min(seen, 4 * this.nsPerUnit); // one that waited for a compiler says too much
  }
}

/** A slice that took so long was slow by its work. */
const LONG_MS = 20;
const LEAST_NS = 1e-6;

export class Stream {
  private encoder: GPUCommandEncoder | undefined;
  private pass: GPUComputePassEncoder | undefined;
  /** The open pass is one dispatch's, with timestamps around it. */
  private timed = false;
  private predicted = 0;
  private units = 0;
  private label = '';
  private readonly errors: Promise<void>[] = [];
  private readonly flights: Promise<void>[] = [];
  private failure: unknown;
  /** When the slice before was done. */
  private lastDone = 0;
  private detach: () => void;
  /** Submits so far and dispatches so far. */
  submits = 0;
  dispatches = 0;

  constructor(
    private readonly device: Device,
    private readonly pace: Pace,
    readonly name: string,
    private readonly signal: AbortSignal | undefined,
    attach: (flush: () => void) => () => void,
  ) {
    this.detach = attach(() => this.submit());
  }

  /** The open compute pass, for one dispatch called `label` of plan `plan` that is predicted to take `units`. */
  compute(plan: string, label: string, units: number): GPUComputePassEncoder {
    if (this.predicted > 0 && this.predicted + units * this.pace.nsPerUnit > MOST_MS * 1e6) this.submit();
    this.encoder ??= this.device.gpu.createCommandEncoder({ label: this.name });
    const timestampWrites = this.device.profiler?.dispatch(plan, label);
    if (timestampWrites || this.timed) this.endPass();
    this.timed = !!timestampWrites;
    this.pass ??= this.encoder.beginComputePass({ label: this.name, timestampWrites });
    this.label = label;
    this.units += units;
    this.predicted += units * this.pace.nsPerUnit;
    this.dispatches++;
    return this.pass;
  }

  /** Whether the open slice has reached its time. */
  get full(): boolean {
    return this.predicted > SLICE_MS * 1e6;
  }

  /** Writes host data; ordered after everything encoded before. */
  write(buffer: DeviceBuffer, data: ArrayBufferView<ArrayBuffer>, offset = 0): void {
    this.submit();
    if (buffer.destroyed)
      throw new ArgumentError(`[${this.name}] ${buffer.label} must live until the run ends but was destroyed before`);
    this.device.gpu.queue.writeBuffer(buffer.gpu, offset, data.buffer, data.byteOffset, data.byteLength);
  }

  /** Copies between buffers; ordered. */
  copy(from: DeviceBuffer, fromOffset: number, to: DeviceBuffer, toOffset: number, bytes: number): void {
    this.endPass();
    this.encoder ??= this.device.gpu.createCommandEncoder({ label: this.name });
    this.encoder.copyBufferToBuffer(from.gpu, fromOffset, to.gpu, toOffset, bytes);
  }

  /** Copies `rows` rows of a buffer, `stride` bytes apart, into an image; ordered. */
  copyToImage(from: DeviceBuffer, offset: number, stride: number, image: DeviceImage, rows: number): void {
    this.copyTexels(from, offset, stride, image, [0, 0], [image.width, rows]);
  }

  /** Copies `texels` texels that follow each other into an image, line by line; ordered. */
  copyToFlatImage(from: DeviceBuffer, offset: number, image: DeviceImage, texels: number): void {
    const line = image.width * 16;
    const lines = Math.floor(texels / image.width);
    const rest = texels % image.width;
    if (lines > 0) this.copyTexels(from, offset, line, image, [0, 0], [image.width, lines]);
    if (rest > 0) this.copyTexels(from, offset + lines * line, line, image, [0, lines], [rest, 1]);
  }

  /** Copies lines of a buffer, `bytesPerRow` apart, to a place in an image; ordered. */
  copyTexels(
    from: DeviceBuffer,
    offset: number,
    bytesPerRow: number,
    { texture }: DeviceImage,
    origin: readonly [number, number],
    size: readonly [number, number],
  ): void {
    this.endPass();
    this.encoder ??= this.device.gpu.createCommandEncoder({ label: this.name });
    this.encoder.copyBufferToTexture({ buffer: from.gpu, offset, bytesPerRow }, { texture, origin: [...origin] }, [
      ...size,
    ]);
  }

  /** Commands of the caller's own, such as timestamps; ordered, and sent with the rest. */
  commands(encode: (encoder: GPUCommandEncoder) => void): void {
    this.endPass();
    encode((this.encoder ??= this.device.gpu.createCommandEncoder({ label: this.name })));
  }

  /** Sends what is encoded. Errors surface at the next `pacing` or `finish`. */
  submit(): void {
    if (!this.encoder) return;
    const { encoder, units, label } = this;
    this.endPass();
    this.encoder = undefined;
    this.units = 0;
    this.predicted = 0;
    this.submits++;
    const start = this.device.now();
    const done = this.device.scope(`${this.name}: ${label}`, () => {
      this.device.gpu.queue.submit([encoder.finish()]);
      this.device.profiler?.host?.('submit', this.device.now() - start);
    });
    const settled = done.then(
      () => undefined,
      (error: unknown) => {
        this.failure ??= error;
      },
    );
    this.errors.push(settled);
    const flight = settled.then(async () => {
      if (this.failure) return;
      try {
        await this.device.wait(`${this.name}: ${label}`, this.device.gpu.queue.onSubmittedWorkDone());
        const now = this.device.now();
        if (units > 1e6) this.pace.learn(units, now - Math.max(start, this.lastDone));
        this.lastDone = now;
      } catch (error) {
        this.failure ??= error;
      }
    });
    this.flights.push(flight);
  }

  /** Between dispatches: submits a full slice, waits while too many are in flight, throws on abort or failure. */
  async pacing(): Promise<void> {
    if (this.failure) throw this.failure;
    if (!this.full) return;
    this.submit();
    while (this.flights.length > IN_FLIGHT) await this.flights.shift();
    if (this.failure) throw this.failure;
    throwIfAborted(this.signal, this.name);
  }

  /** Sends the rest and waits until the GPU has done all of it; the stream stays open. */
  async drain(): Promise<void> {
    this.submit();
    await Promise.all(this.flights.splice(0));
    await Promise.all(this.errors.splice(0));
    if (this.failure) throw this.failure;
    this.device.check(this.name);
    throwIfAborted(this.signal, this.name);
  }

  /** Drains and closes. */
  async finish(): Promise<void> {
    try {
      await this.drain();
    } finally {
      this.close();
    }
  }

  /** Gives up: nothing more is sent; waits for what was. Never throws. */
  async abandon(): Promise<void> {
    if (this.encoder) {
      this.endPass();
      this.encoder = undefined;
    }
    await Promise.allSettled([...this.flights, ...this.errors]);
    this.close();
  }

  private close(): void {
    this.detach();
    this.detach = () => undefined;
  }

  private endPass(): void {
    this.pass?.end();
    this.pass = undefined;
  }
}
