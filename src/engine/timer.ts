/** How long the device works: by timestamps around the commands where it was opened with them, otherwise by a watch of the host. */
import type { Device } from './device.ts';
import type { Stream } from './stream.ts';

/** Starts; the function gives the milliseconds since. */
export type Watch = () => () => number;

const QUERY_RESOLVE = 512;
const COPY_SRC = 4;
const COPY_DST = 8;
const MAP_READ = 1;

interface Queries {
  readonly set: GPUQuerySet;
  readonly result: GPUBuffer;
  readonly staging: GPUBuffer;
}

export class Timer {
  private constructor(
    private readonly device: Device,
    /** The host's: its clock, or what the caller chose. */
    readonly watch: Watch,
    private readonly queries: Queries | undefined,
  ) {}

  /** With a `watch` of the caller's, timestamps are not used. `destroy` it. */
  static async create(device: Device, watch?: Watch): Promise<Timer> {
    const clock: Watch = () => {
      const start = device.now();
      return () => device.now() - start;
    };
    if (watch || !device.features.has('timestamp-query')) return new Timer(device, watch ?? clock, undefined);
    const queries = await device.scope('timestamps', () => ({
      set: device.gpu.createQuerySet({ type: 'timestamp', count: 2 }),
      result: device.gpu.createBuffer({ size: 16, usage: QUERY_RESOLVE | COPY_SRC }),
      staging: device.gpu.createBuffer({ size: 16, usage: MAP_READ | COPY_DST }),
    }));
    return new Timer(device, clock, queries);
  }

  /** Whether times are the device's own. */
  get usesTimestamps(): boolean {
    return !!this.queries;
  }

  /** Milliseconds that what `encode` puts on the stream takes. */
  async time(name: string, encode: (stream: Stream) => Promise<void> | void): Promise<number> {
    const { queries, device } = this;
    const stream = device.stream(name);
    const watch = this.watch();
    try {
      if (queries) stream.commands((encoder) => mark(encoder, { querySet: queries.set, beginningOfPassWriteIndex: 0 }));
      await encode(stream);
      if (queries)
        stream.commands((encoder) => {
          mark(encoder, { querySet: queries.set, endOfPassWriteIndex: 1 });
          encoder.resolveQuerySet(queries.set, 0, 2, queries.result, 0);
          encoder.copyBufferToBuffer(queries.result, 0, queries.staging, 0, 16);
        });
      await stream.finish();
    } catch (error) {
      await stream.abandon();
      throw error;
    }
    const wall = watch();
    if (!queries) return wall;
    await device.wait(name, queries.staging.mapAsync(MAP_READ));
    const [from, to] = new BigUint64Array(queries.staging.getMappedRange().slice(0));
    queries.staging.unmap();
    const ms = Number(to - from) / 1e6;
    return ms > 0 && ms <= wall ? ms : wall; // a clock that stood still or ran away
  }

  destroy(): void {
    this.queries?.set.destroy();
    this.queries?.result.destroy();
    this.queries?.staging.destroy();
  }
}

function mark(encoder: GPUCommandEncoder, timestampWrites: GPUComputePassTimestampWrites): void {
  encoder.beginComputePass({ timestampWrites }).end();
}
