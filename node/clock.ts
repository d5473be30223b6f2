/**
 * What time is measured by. `wall` is the clock on the wall (on the device: its timestamps); `processor` is for software adapters on a busy
 * machine: what this process used of the processors, over their number. It leaves out waiting, and what others took meanwhile.
 */
import { availableParallelism } from 'node:os';

export const clocks = ['wall', 'processor'] as const;
export type Clock = (typeof clocks)[number];

/** Starts a watch; the function gives the milliseconds since. */
export function startWatch(clock: Clock): () => number {
  if (clock === 'wall') {
    const start = performance.now();
    return () => performance.now() - start;
  }
  const start = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(start);
    return (user + system) / 1e3 / availableParallelism();
  };
}

/** What the times of a run are, in words. */
export function clockText(clock: Clock, usesTimestamps: boolean): string {
  if (clock === 'processor') return `processor time over ${availableParallelism()} cores`;
  return usesTimestamps ? 'timestamps of the device' : 'wall time';
}
