/** Which of the adapter's limits a call runs into, and how near it comes. */
import type { Bound } from './record.ts';

export interface Work {
  readonly flops: number;
  readonly bytes: number;
  readonly dispatches: number;
}

export interface Rates {
  /** GFLOP/s; GB/s that a kernel copies; microseconds a dispatch. */
  readonly f32: number;
  readonly bandwidth: number;
  readonly dispatch: number;
}

/** The least time of `work`, milliseconds, and the limit that sets it. */
export function boundOf(work: Work, rates: Rates): { readonly bound: Bound; readonly ms: number } {
  const times: Record<Bound, number> = {
    compute: work.flops / rates.f32 / 1e6,
    memory: work.bytes / rates.bandwidth / 1e6,
    launch: (work.dispatches * rates.dispatch) / 1e3,
  };
  const bound = (Object.keys(times) as Bound[]).reduce((a, b) => (times[b] > times[a] ? b : a));
  return { bound, ms: times[bound] };
}
