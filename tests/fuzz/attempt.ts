/** One input of a target, made and read, with what it cost. */
import { FileError } from '../../src/engine/index.ts';
import { randomOf } from './random.ts';
import type { Target } from './targets.ts';

export interface Attempt {
  readonly outcome: 'read' | 'refused' | 'failed';
  /** Processor time, the least of a few runs where the first takes more than is allowed. */
  readonly milliseconds: number;
  /** Memory beyond what there was before. */
  readonly bytes: number;
  /** Why it failed. */
  readonly why?: string;
}

export const inputOf = (target: Target, seed: number, index: number): Uint8Array => target.make(randomOf(seed, index));

/** Reads an input; whatever it throws but FileError, and more time or memory than is allowed, is a failure. */
export async function attempt(target: Target, bytes: Uint8Array): Promise<Attempt> {
  const first = await once(target, bytes);
  let { milliseconds } = first;
  // code is compiled when it first runs, and the garbage of inputs before this one is collected at some time
  for (let again = 0; again < 3 && milliseconds > target.milliseconds && first.why === undefined; again++)
    milliseconds = Math.min(milliseconds, (await once(target, bytes)).milliseconds);
  let { why } = first;
  if (first.bytes > target.megabytes * 1e6) why ??= `it takes ${Math.round(first.bytes / 1e6)} MB`;
  if (milliseconds > target.milliseconds) why ??= `it takes ${Math.round(milliseconds)} ms`;
  return { ...first, milliseconds, outcome: why === undefined ? first.outcome : 'failed', why };
}

async function once(target: Target, bytes: Uint8Array): Promise<Attempt> {
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
  const grown = Math.max(...after.map((now, i) => now - memory[i]));
  return { outcome, milliseconds: (user + system) / 1000, bytes: grown, why };
}

/** On the heap and in buffers; at most in memory so far. */
function held(): number[] {
  const { heapUsed, external } = process.memoryUsage();
  return [heapUsed + external, process.resourceUsage().maxRSS * 1024];
}
