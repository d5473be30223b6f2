/** One answer of a server, watched for silence, and asking again after a failure that may pass, with growing waits or the one that it asks for. */
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

/** What `fetch` gives, as far as it is read here. */
interface Answer {
  readonly body: { getReader(): { read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array }> } } | null;
}

export interface Receiver<A extends Answer> {
  /** Sends the request. */
  readonly ask: (signal: AbortSignal) => Promise<A>;
  /** Looks at the answer before its bytes come. */
  readonly check: (answer: A) => void;
  /** Takes a piece; true when no more is wanted. */
  readonly take: (piece: Uint8Array) => boolean | void | Promise<boolean | void>;
}

/**
 * One answer, piece by piece, given up when fewer than `LEAST` bytes come in `patience` milliseconds. Nothing is open afterwards.
 * @throws Unlucky for silence and broken connections, and what the receiver throws.
 */
export async function receive<A extends Answer>(
  patience: number,
  signal: AbortSignal | undefined,
  { ask, check, take }: Receiver<A>,
): Promise<void> {
  const stop = new AbortController();
  const abort = () => stop.abort();
  if (signal?.aborted) abort();
  signal?.addEventListener('abort', abort, { once: true });
  let stalled = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const watch = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      stalled = true;
      stop.abort();
    }, patience);
  };
  const broke = (error: unknown): never => {
    if (error instanceof FileError || error instanceof Unlucky) throw error;
    if (stalled) throw new Unlucky(`it must send something but was silent for ${Math.round(patience / 1000)} s`);
    throw new Unlucky(`the connection must hold but broke (${reasonOf(error)})`);
  };
  try {
    watch();
    const answer = await ask(stop.signal).catch(broke);
    check(answer);
    const reader = answer.body?.getReader();
    for (let fresh = 0; ;) {
      const value = (await reader?.read().catch(broke))?.value;
      if (!value) return;
      if ((fresh += value.length) >= LEAST) {
        fresh = 0;
        watch();
      }
      if (await take(value)) return;
    }
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
    stop.abort();
  }
}

/** Node says why only in the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (!(cause instanceof Error)) return error.message;
  return cause.message || ('code' in cause ? String(cause.code) : error.message);
}

/** What a Retry-After header asks for, seconds or a date, in milliseconds from now. */
export function retryAfter(value: string | null): number | undefined {
  if (value === null) return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isFinite(ms) ? Math.max(ms, 0) : undefined;
}
