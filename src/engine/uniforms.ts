/**
 * Uniform blocks of kernels, kept by content: the same numbers are written once and used by every dispatch that wants them, so a
 * steady loop writes nothing. When the page is full it starts over, after everything that was encoded with it has been submitted.
 */
import type { Device, DeviceBuffer } from './device.ts';

const SLOT = 256; // WebGPU's default minUniformBufferOffsetAlignment
const SLOTS = 4096;

export class UniformPage {
  private readonly slots = new Map<string, number>();
  private readonly open = new Set<() => void>();

  constructor(
    private readonly device: Device,
    readonly buffer: DeviceBuffer,
  ) {}

  static readonly slotBytes = SLOT;

  /** Makes the page's buffer; call inside `device.scope`. */
  static create(device: Device): UniformPage {
    return new UniformPage(device, device.createBuffer('uniforms', SLOT * SLOTS, 64 | 8, 'uniforms')); // UNIFORM | COPY_DST
  }

  /** Registers a stream's flush, called before slots are used anew; returns how to take it back. */
  attach(flush: () => void): () => void {
    this.open.add(flush);
    return () => this.open.delete(flush);
  }

  /** Byte offset of a block with these words. */
  offset(words: Uint32Array<ArrayBuffer>): number {
    const key = words.join();
    let slot = this.slots.get(key);
    if (slot === undefined) {
      if (this.slots.size === SLOTS) {
        for (const flush of this.open) flush();
        this.slots.clear();
      }
      slot = this.slots.size;
      this.slots.set(key, slot);
      this.device.gpu.queue.writeBuffer(this.buffer.gpu, slot * SLOT, words);
    }
    return slot * SLOT;
  }
}
