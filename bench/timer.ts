/** How long the device works: by timestamps around the commands where the adapter has them, otherwise by the host's clock. */
import { availableParallelism } from 'node:os';
import type { Device, Stream } from '../src/engine/index.ts';
import { type Clock, startWatch } from './clock.ts';

const QUERY_RESOLVE = 512;
const COPY_SRC = 4;
const COPY_DST = 8;
const MAP_READ = 1;

export class Timer {
  private constructor(
    private readonly device: Device,
    readonly clock: Clock,
    private readonly queries: { set: GPUQuerySet; result: GPUBuffer; staging: GPUBuffer } | undefined,
  ) {}

  static async create(device: Device, clock: Clock): Promise<Timer> {
    if (clock === 'processor' || !device.features.has('timestamp-query')) return new Timer(device, clock, undefined);
    const queries = await device.scope('timestamps', () => ({
      set: device.gpu.createQuerySet({ type: 'timestamp', count: 2 }),
      result: device.gpu.createBuffer({ size: 16, usage: QUERY_RESOLVE | COPY_SRC }),
      staging: device.gpu.createBuffer({ size: 16, usage: MAP_READ | COPY_DST }),
    }));
    return new Timer(device, clock, queries);
  }

  /** What its times are, in words. */
  get means(): string {
    if (this.clock === 'processor') return `processor time over ${availableParallelism()} cores`;
    return this.queries ? 'timestamps of the device' : 'wall time';
  }

  watch(): () => number {
    return startWatch(this.clock);
  }

  /** Milliseconds that what `encode` puts on the stream takes. */
  async time(name: string, encode: (stream: Stream) => Promise<void> | void): Promise<number> {
    const { queries, device } = this;
    const stream = device.stream(name);
    const watch = this.watch();
    if (queries) stream.commands((encoder) => mark(encoder, { querySet: queries.set, beginningOfPassWriteIndex: 0 }));
    await encode(stream);
    if (queries)
      stream.commands((encoder) => {
        mark(encoder, { querySet: queries.set, endOfPassWriteIndex: 1 });
        encoder.resolveQuerySet(queries.set, 0, 2, queries.result, 0);
        encoder.copyBufferToBuffer(queries.result, 0, queries.staging, 0, 16);
      });
    await stream.finish();
    const wall = watch();
    if (!queries) return wall;
    await device.wait(name, queries.staging.mapAsync(MAP_READ));
    const [from, to] = new BigUint64Array(queries.staging.getMappedRange().slice(0));
    queries.staging.unmap();
    const ms = Number(to - from) / 1e6;
    return ms > 0 && ms <= wall ? ms : wall; // a clock that stood still or ran away
  }
}

function mark(encoder: GPUCommandEncoder, timestampWrites: GPUComputePassTimestampWrites): void {
  encoder.beginComputePass({ timestampWrites }).end();
}
