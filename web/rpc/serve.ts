/** The answering side of a port: runs methods by name, each with a signal of its own and a way to send items that waits for the reader. */
import { AbortError, ArgumentError } from '../../src/engine/index.ts';
import { toWire } from './errors.ts';
import { Moved, type Port, type Reply, type Request } from './messages.ts';

export interface Call {
  /** Fires when the caller stops. */
  readonly signal: AbortSignal;
  /** Sends an item and waits until it is taken. @throws AbortError when the caller stops. */
  send(item: unknown, transfer?: Transferable[]): Promise<void>;
  /** Sends an item that nobody waits for. */
  tell(item: unknown): void;
}

export type Method = (args: never, call: Call) => unknown;

export interface Server {
  /** Tells the other side what belongs to no call. */
  emit(event: string, value: unknown): void;
}

interface Open {
  readonly stop: AbortController;
  taken: () => void;
}

/** Serves `methods` on `port`. What a method throws reaches its caller; a `Moved` result is moved. */
export function serve(port: Port, methods: Readonly<Record<string, Method>>): Server {
  const open = new Map<number, Open>();
  const post = (reply: Reply, transfer: Transferable[] = []) => port.postMessage(reply, transfer);

  const run = async (id: number, name: string, args: unknown): Promise<void> => {
    const stop = new AbortController();
    const state: Open = { stop, taken: () => undefined };
    open.set(id, state);
    const { signal } = stop;
    const call: Call = {
      signal,
      tell: (item) => post({ call: id, item, waits: false }),
      send: (item, transfer) =>
        new Promise((resolve, reject) => {
          if (signal.aborted) return reject(new AbortError(name, { cause: signal.reason }));
          post({ call: id, item, waits: true }, transfer);
          const leave = () => reject(new AbortError(name, { cause: signal.reason }));
          signal.addEventListener('abort', leave, { once: true });
          state.taken = () => {
            signal.removeEventListener('abort', leave);
            resolve();
          };
        }),
    };
    try {
      if (!Object.hasOwn(methods, name)) throw new ArgumentError(`[rpc] a method must be known but ${name} is not`);
      const result = await methods[name](args as never, call);
      if (result instanceof Moved) post({ call: id, value: result.value }, result.transfer);
      else post({ call: id, value: result });
    } catch (error) {
      post({ call: id, error: toWire(error) });
    } finally {
      open.delete(id);
    }
  };

  port.onmessage = ({ data }: MessageEvent<Request>) => {
    if ('method' in data) void run(data.call, data.method, data.args);
    else if ('taken' in data) open.get(data.taken)?.taken();
    else if ('stop' in data) open.get(data.stop)?.stop.abort();
    else post({ pong: data.ping });
  };
  return { emit: (event, value) => post({ event, value }) };
}
