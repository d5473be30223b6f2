/** One input of a target, made and read, with what it cost. */
import { FileError } from '../../src/engine/index.ts';
import { MAX_MILLISECONDS } from './limits.ts';
import { randomOf } from './random.ts';
import type { Target } from './targets.ts';

export interface Attempt {
  readonly outcome: 'read' | 'refused' | 'failed';
  /** Processor time. */
  readonly milliseconds: number;
  /** Memory beyond what there was before. */
  readonly bytes: number;
  /** Why it failed. */
  readonly why?: string;
}

export const inputOf = (target: Target, seed: number, index: number): Uint8Array => target.make(randomOf(seed, index));

/** Reads an input; whatever it throws but FileError, and more time or memory than is allowed, is a failure. */
export async function attempt(target: Target, bytes: Uint8Array): Promise<Attempt> {
  const memory = held();
  const started = process.cpuUsage();
  let outcome: Attempt['outcome'] = 'read';
  let why: string | undefined;
  try {
    await target.read(bytes);
  } catch (error) {
    outcome = error instanceof FileError ? 'refused' : 'failed';
    if (outcome === 'failed') why = error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
  const { user, system } = process.cpuUsage(started);
  const after = held();
  const used = { milliseconds: (user + system) / 1000, bytes: Math.max(...after.map((now, i) => now - memory[i])) };
  if (used.milliseconds > MAX_MILLISECONDS) why ??= `it takes ${Math.round(used.milliseconds)} ms`;
  if (used.bytes > target.megabytes * 1e6) why ??= `it takes ${Math.round(used.bytes / 1e6)} MB`;
  return { outcome: why ? 'failed' : outcome, ...used, why };
}

/** On the heap and in buffers; at most in memory so far. */
function held(): number[] {
  const { heapUsed, external } = process.memoryUsage();
  return [heapUsed + external, process.resourceUsage().maxRSS * 1024];
}
