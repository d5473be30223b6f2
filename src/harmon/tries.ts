/** Asking a server again after a failure that may pass, with growing waits or the one that it asks for. */
import { FileError, throwIfAborted } from '../engine/index.ts';

/** @throws AbortError when the signal fires first. */
export type Sleep = (ms: number, signal: AbortSignal | undefined) => Promise<void>;

/** Bytes that count as progress. */
export const LEAST = 16 * 1024;
/** Failures in a row without progress. */
const TRIES = 4;

/** A failure that another try may mend. */
export class Unlucky extends Error {
  constructor(
    message: string,
    /** Milliseconds that the server asked to wait. */
    readonly wait?: number,
  ) {
    super(message);
  }
}

/**
 * Runs `attempt` until it is done (true), made progress (false, which is tried again at once), or failed too often. No wait is longer than
 * `longestWait` milliseconds. @throws FileError naming `url`, AbortError, and what `attempt` throws that is not Unlucky.
 */
export async function tries(
  { sleep, longestWait = 60_000 }: { readonly sleep: Sleep; readonly longestWait?: number },
  url: string,
  signal: AbortSignal | undefined,
  attempt: () => Promise<boolean>,
): Promise<void> {
  for (let failed = 0; ;) {
    throwIfAborted(signal, url);
    try {
      if (await attempt()) return;
      failed = 0;
    } catch (error) {
      throwIfAborted(signal, url);
      if (!(error instanceof Unlucky)) throw error;
      if (++failed >= TRIES) throw new FileError(`${url}: ${error.message}: try again later`, { cause: error });
      await sleep(Math.min(error.wait ?? 500 * 4 ** (failed - 1), longestWait), signal);
    }
  }
}

/** What a Retry-After header asks for, seconds or a date, in milliseconds from now. */
export function retryAfter(value: string | null): number | undefined {
  if (value === null) return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isFinite(ms) ? Math.max(ms, 0) : undefined;
}
