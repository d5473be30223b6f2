/** Where results pass on their way to the host: one small buffer that is kept, and one of their own for what is larger or comes while it is in use. */
import type { Device, DeviceBuffer } from './device.ts';

/** Bytes of the kept buffer: more than most results have; in Dawn alone, what is larger takes longer to copy than to make room for. */
const KEPT = 1 << 18;
const USAGE = 1 | 8; // MAP_READ | COPY_DST

export class Staging {
  private inUse = false;

  private constructor(
    private readonly device: Device,
    private readonly kept: DeviceBuffer,
  ) {}

  /** Makes the kept buffer; call inside `device.scope`. */
  static create(device: Device, bytes = KEPT): Staging {
    return new Staging(device, device.createBuffer('results', bytes, USAGE, 'transfer'));
  }

  get bytes(): number {
    return this.kept.bytes;
  }

  /** An unmapped buffer of `bytes` or more, to be given back; call inside `device.scope`. */
  take(label: string, bytes: number): DeviceBuffer {
    if (this.inUse || bytes > this.kept.bytes) return this.device.createBuffer(label, bytes, USAGE, 'transfer');
    this.inUse = true;
    return this.kept;
  }

  /** Takes a buffer back, whatever became of its mapping. */
  give(buffer: DeviceBuffer): void {
    if (buffer !== this.kept) return buffer.destroy();
    this.inUse = false;
    if (!buffer.destroyed) buffer.gpu.unmap();
  }
}
