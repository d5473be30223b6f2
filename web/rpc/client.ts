/**
 * The calling side of a port. No call hangs: each ends with its answer, or with the reason when the other side is gone, which is noticed by
 * its error or by its silence. Silence is counted in beats that went unanswered, so a laptop that slept has missed none.
 */
import { AbortError } from '../../src/engine/index.ts';
import { WorkerError } from '../errors.ts';
import { fromWire } from './errors.ts';
import type { Port, Reply, Request } from './messages.ts';

export interface Heartbeat {
  /** Milliseconds between beats, which are sent while calls are open. */
  readonly every: number;
  /** Beats without an answer after which the other side counts as hung. */
  readonly missed: number;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  readonly transfer?: Transferable[];
  /** Takes the items; one that the server waits with counts as taken when the returned promise is done. What it throws ends the call. */
  readonly onItem?: (item: never) => void | Promise<void>;
}

interface Open {
  settle(reply: { value: unknown } | { error: Error }): void;
  onItem(item: unknown, waits: boolean): void;
}

const HEARTBEAT: Heartbeat = { every: 2500, missed: 8 };

export class Client {
  private readonly open = new Map<number, Open>();
  private readonly listeners = new Map<string, Set<(value: never) => void>>();
  private last = 0;
  private beat: ReturnType<typeof setInterval> | undefined;
  private unanswered = 0;
  private gone: Error | undefined;

  /** `hung` is called when the other side stopped answering. */
  constructor(
    private readonly port: Port,
    private readonly hung: (error: WorkerError) => void = () => undefined,
    private readonly heartbeat: Heartbeat = HEARTBEAT,
  ) {
    port.onmessage = ({ data }: MessageEvent<Reply>) => this.take(data);
  }

  /** Calls `method`. Errors: what it throws, AbortError, the reason of `fail`. */
  call<T>(method: string, args?: unknown, options: CallOptions = {}): Promise<T> {
    const { signal, transfer = [], onItem } = options;
    const id = ++this.last;
    return new Promise<T>((resolve, reject) => {
      if (this.gone) throw this.gone;
      if (signal?.aborted) throw new AbortError(method, { cause: signal.reason });
      this.post({ call: id, method, args }, transfer); // throws for what cannot be cloned
      let thrown: { error: unknown } | undefined;
      const stop = () => this.post({ stop: id });
      signal?.addEventListener('abort', stop);
      this.open.set(id, {
        settle: (reply) => {
          this.open.delete(id);
          signal?.removeEventListener('abort', stop);
          if (this.open.size === 0) this.rest();
          if (thrown) reject(thrown.error);
          else if ('error' in reply) reject(reply.error);
          else resolve(reply.value as T);
        },
        onItem: (item, waits) => {
          if (thrown) return;
          const took = async () => onItem?.(item as never);
          void took().then(
            () => waits && this.open.has(id) && this.post({ taken: id }),
            (error: unknown) => {
              thrown = { error };
              if (this.open.has(id)) stop();
            },
          );
        },
      });
      this.listen();
    });
  }

  /** The items that `method` waits with, one for each time that the reader asks; a reader who leaves stops the call. `tell` takes the others. */
  async *iterate<T>(
    method: string,
    args: unknown,
    options: Pick<CallOptions, 'signal' | 'transfer'> & {
      isItem?: (item: unknown) => boolean;
      tell?: (item: never) => void;
    } = {},
  ): AsyncGenerator<T, void, undefined> {
    const { isItem = () => true, tell, transfer } = options;
    const stop = new AbortController();
    const abort = () => stop.abort(options.signal?.reason);
    if (options.signal?.aborted) abort();
    options.signal?.addEventListener('abort', abort);
    let wake: () => void = () => undefined;
    let waiting: { item: T; taken: () => void } | undefined;
    let ended = false;
    const onItem = (item: unknown): void | Promise<void> => {
      if (!isItem(item)) return tell?.(item as never);
      return new Promise((taken) => {
        waiting = { item: item as T, taken };
        wake();
      });
    };
    const done = this.call<void>(method, args, { signal: stop.signal, transfer, onItem });
    const end = () => {
      ended = true;
      wake();
    };
    done.then(end, end);
    try {
      for (;;) {
        if (waiting) {
          const { item, taken } = waiting;
          waiting = undefined;
          yield item;
          taken();
        } else if (ended) break;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
      await done;
    } finally {
      options.signal?.removeEventListener('abort', abort);
      stop.abort();
      await done.catch(() => undefined);
    }
  }

  /** Listens to what belongs to no call; returns the way to stop. */
  on<T>(event: string, listener: (value: T) => void): () => void {
    const all = this.listeners.get(event) ?? new Set();
    this.listeners.set(event, all.add(listener));
    return () => all.delete(listener);
  }

  /** Ends every open call with `error`, and every later one. */
  fail(error: Error): void {
    this.gone ??= error;
    for (const { settle } of [...this.open.values()]) settle({ error: this.gone });
    this.rest();
  }

  private take(reply: Reply): void {
    this.unanswered = 0;
    if ('event' in reply) for (const listener of this.listeners.get(reply.event) ?? []) listener(reply.value as never);
    else if ('pong' in reply) return;
    else if ('item' in reply) this.open.get(reply.call)?.onItem(reply.item, reply.waits);
    else if ('error' in reply) this.open.get(reply.call)?.settle({ error: fromWire(reply.error) });
    else this.open.get(reply.call)?.settle(reply);
  }

  private listen(): void {
    this.beat ??= setInterval(() => {
      if (this.unanswered++ < this.heartbeat.missed) return this.post({ ping: this.unanswered });
      const seconds = Math.round((this.heartbeat.every * this.heartbeat.missed) / 1000);
      const error = new WorkerError(
        `[worker] the worker must answer but has been silent for ${seconds} s: restart it, and choose a smaller picture if that happens again`,
      );
      this.fail(error);
      this.hung(error);
    }, this.heartbeat.every);
  }

  private rest(): void {
    clearInterval(this.beat);
    this.beat = undefined;
    this.unanswered = 0;
  }

  private post(request: Request, transfer: Transferable[] = []): void {
    this.port.postMessage(request, transfer);
  }
}
