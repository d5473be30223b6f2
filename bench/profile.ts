/** Counts the dispatches of a run by pass and kernel, and times each where the adapter has timestamps. */
import type { Device, Profiler } from '../src/engine/index.ts';
import type { HostTime, PassTime } from './record.ts';
import { median } from './stats.ts';

const DISPATCHES_A_SET = 1024;

interface QueryBlock {
  readonly set: GPUQuerySet;
  readonly result: GPUBuffer;
  readonly keys: string[];
}

/** What encoding costs the host: the middle of many, so that other work on the machine does not show. */
export class HostProfile implements Profiler {
  private readonly times = { encode: [] as number[], submit: [] as number[] };

  dispatch(): undefined {
    return undefined;
  }

  host(step: 'encode' | 'submit', ms: number): void {
    this.times[step].push(ms);
  }

  read(): HostTime {
    const { encode, submit } = this.times;
    return { encode: 1e3 * median(encode), submit: median(submit), submits: submit.length };
  }
}

export class Profile implements Profiler {
  private readonly counts = new Map<string, number>();
  private readonly blocks: QueryBlock[] = [];
  private readonly timed: boolean;

  constructor(private readonly device: Device) {
    this.timed = device.features.has('timestamp-query');
  }

  dispatch(plan: string, label: string): GPUComputePassTimestampWrites | undefined {
    const key = `${plan} ${label}`;
    this.counts.set(key, (this.counts.get(key) ?? 0) + 1);
    if (!this.timed) return undefined;
    let block = this.blocks.at(-1);
    if (!block || block.keys.length === DISPATCHES_A_SET) this.blocks.push((block = this.makeBlock()));
    const at = 2 * block.keys.length;
    block.keys.push(key);
    return { querySet: block.set, beginningOfPassWriteIndex: at, endOfPassWriteIndex: at + 1 };
  }

  private makeBlock(): QueryBlock {
    const { gpu } = this.device;
    const set = gpu.createQuerySet({ type: 'timestamp', count: 2 * DISPATCHES_A_SET });
    const result = gpu.createBuffer({ size: 16 * DISPATCHES_A_SET, usage: 512 | 4 }); // QUERY_RESOLVE | COPY_SRC
    return { set, result, keys: [] };
  }

  /** What was counted, most time first. The streams must have finished. */
  async read(): Promise<PassTime[]> {
    const ms = new Map<string, number>();
    for (const { set, result, keys } of this.blocks) {
      const times = await this.resolve(set, result, keys.length);
      keys.forEach((key, i) => {
        const took = Number(times[2 * i + 1] - times[2 * i]) / 1e6;
        ms.set(key, (ms.get(key) ?? 0) + Math.max(0, took));
      });
    }
    return [...this.counts]
      .map(([key, dispatches]) => {
        const [pass, kernel] = key.split(' ');
        return { pass, kernel, dispatches, ...(this.timed && { ms: ms.get(key) ?? 0 }) };
      })
      .sort((a, b) => (b.ms ?? b.dispatches) - (a.ms ?? a.dispatches));
  }

  private async resolve(set: GPUQuerySet, result: GPUBuffer, dispatches: number): Promise<BigUint64Array> {
    const { gpu } = this.device;
    const bytes = 16 * dispatches;
    const staging = gpu.createBuffer({ size: bytes, usage: 1 | 8 }); // MAP_READ | COPY_DST
    const encoder = gpu.createCommandEncoder();
    encoder.resolveQuerySet(set, 0, 2 * dispatches, result, 0);
    encoder.copyBufferToBuffer(result, 0, staging, 0, bytes);
    gpu.queue.submit([encoder.finish()]);
    await this.device.wait('profile', staging.mapAsync(1));
    const times = new BigUint64Array(staging.getMappedRange().slice(0));
    staging.destroy();
    return times;
  }

  destroy(): void {
    for (const { set, result } of this.blocks) {
      set.destroy();
      result.destroy();
    }
  }
}
