/** Calls over a port: answers, aborts, items that are waited for, errors of our classes, and no call that hangs. */
import { MessageChannel, type MessagePort as NodePort } from 'node:worker_threads';
import { afterEach, expect, it, vi } from 'vitest';
import { AbortError, ArgumentError, FileError, GpuError, GraphError } from '../../../src/engine/index.ts';
import { StorageError, WorkerError } from '../../../web/errors.ts';
import { Client, type Heartbeat } from '../../../web/rpc/client.ts';
import { fromWire, toWire } from '../../../web/rpc/errors.ts';
import { Moved, type Port } from '../../../web/rpc/messages.ts';
import { type Method, type Server, serve } from '../../../web/rpc/serve.ts';

const ports: NodePort[] = [];
afterEach(() => {
  for (const port of ports.splice(0)) port.close();
  vi.useRealTimers();
});

function pair(methods: Record<string, Method>, hung?: (error: WorkerError) => void, heartbeat?: Heartbeat) {
  const { port1, port2 } = new MessageChannel();
  ports.push(port1, port2);
  const server: Server = serve(port1 as unknown as Port, methods);
  return { client: new Client(port2 as unknown as Port, hung, heartbeat), server };
}

const forever = new Promise<never>(() => undefined);
const untilAborted: Method = (_: never, { signal }) =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(new AbortError('spin'))));

it('answers calls by their ids, whatever order they end in', async () => {
  const ends: ((value: string) => void)[] = [];
  const { client } = pair({
    late: () => new Promise((resolve) => ends.push(resolve)),
    double: ({ n }: { n: number }) => 2 * n,
  });
  const [a, b] = [client.call('late'), client.call('late')];
  expect(await client.call('double', { n: 21 })).toBe(42);
  ends[1]('b');
  ends[0]('a');
  expect(await Promise.all([a, b])).toEqual(['a', 'b']);
});

it('moves what a method says is to be moved', async () => {
  const data = new Uint8Array([1, 2, 3]);
  const { client } = pair({ give: () => new Moved({ data }, [data.buffer]) });
  expect(await client.call('give')).toEqual({ data: new Uint8Array([1, 2, 3]) });
  expect(data.length).toBe(0);
});

it.each([
  new GpuError('out-of-memory', 'attention', '[attention] the GPU must …'),
  new FileError('a.pth is incomplete'),
  new ArgumentError('[generate] count must …'),
  new GraphError('[linear] must …'),
  new AbortError('decode'),
  new WorkerError('[worker] gone'),
  new StorageError('[storage] full', { needed: 5, free: 3 }),
  new TypeError('a bug'),
])('keeps %s with its class and its fields', async (error) => {
  const { client } = pair({
    fail: () => {
      throw error;
    },
  });
  const got: unknown = await client.call('fail').catch((thrown: unknown) => thrown);
  expect(got).toBeInstanceOf(error instanceof TypeError ? Error : (error as Error).constructor);
  expect({ ...(got as object) }).toEqual({ ...error, name: error.name });
  expect((got as Error).message).toBe(error.message);
  expect((got as Error).stack).toBe(error.stack);
});

it('says so when a thing that is no error is thrown', () => expect(fromWire(toWire('text')).message).toBe('text'));

it('refuses a method that there is not, also one of every object', async () => {
  const { client } = pair({});
  await expect(client.call('nothing')).rejects.toThrow(ArgumentError);
  await expect(client.call('constructor')).rejects.toThrow('a method must be known but constructor is not');
});

it('does not start what was aborted before, and stops what is aborted later', async () => {
  let calls = 0;
  const { client } = pair({
    spin: (args: never, call) => {
      calls++;
      return untilAborted(args, call);
    },
  });
  await expect(client.call('spin', 0, { signal: AbortSignal.abort() })).rejects.toThrow(AbortError);
  expect(calls).toBe(0);
  const stop = new AbortController();
  const spinning = client.call('spin', 0, { signal: stop.signal });
  await vi.waitFor(() => expect(calls).toBe(1));
  stop.abort();
  await expect(spinning).rejects.toThrow('[spin] was cancelled');
});

it('an abort after the answer does nothing', async () => {
  const { client } = pair({ one: () => 1 });
  const stop = new AbortController();
  expect(await client.call('one', 0, { signal: stop.signal })).toBe(1);
  stop.abort();
  expect(await client.call('one')).toBe(1);
});

it('refuses what cannot be sent, and goes on', async () => {
  const { client } = pair({ one: () => 1, give: () => () => 5 });
  await expect(client.call('one', { f: () => 1 })).rejects.toThrow(/could not be cloned/);
  await expect(client.call('give')).rejects.toThrow(/could not be cloned/);
  expect(await client.call('one')).toBe(1);
});

it('waits with items until they are taken, and not with others', async () => {
  const log: string[] = [];
  const { client } = pair({
    async run(_: never, { send, tell }) {
      for (let i = 0; i < 3; i++) {
        tell(`told ${i}`);
        await send(i);
        log.push(`after ${i}`);
      }
      return 'done';
    },
  });
  const onItem = async (item: number | string) => {
    log.push(`got ${item}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
    log.push(`took ${item}`);
  };
  expect(await client.call('run', 0, { onItem })).toBe('done');
  for (let i = 0; i < 3; i++) expect(log.indexOf(`after ${i}`)).toBeGreaterThan(log.indexOf(`took ${i}`));
  expect(log.indexOf('got 0')).toBeLessThan(log.indexOf('took told 0'));
});

it('ends a call with what its callback throws, after the method has stopped', async () => {
  let stopped = false;
  const { client } = pair({
    async run(_: never, { send }) {
      try {
        for (;;) await send(1);
      } finally {
        stopped = true;
      }
    },
  });
  const onItem = () => {
    throw new TypeError('of the page');
  };
  await expect(client.call('run', 0, { onItem })).rejects.toThrow('of the page');
  expect(stopped).toBe(true);
});

const count: Method = async ({ to, fail }: { to: number; fail?: boolean }, { send }) => {
  for (let i = 0; i < to; i++) await send(i);
  if (fail) throw new FileError('broken in the middle');
};

it('iterates in order, to the end', async () => {
  const { client } = pair({ count });
  const seen: number[] = [];
  for await (const i of client.iterate<number>('count', { to: 5 })) seen.push(i);
  expect(seen).toEqual([0, 1, 2, 3, 4]);
  for await (const _ of client.iterate('count', { to: 0 })) expect.fail();
});

it('throws in the middle of an iteration what the method throws', async () => {
  const { client } = pair({ count });
  const seen: number[] = [];
  const run = async () => {
    for await (const i of client.iterate<number>('count', { to: 2, fail: true })) seen.push(i);
  };
  await expect(run()).rejects.toThrow(FileError);
  expect(seen).toEqual([0, 1]);
});

it('holds the method while the reader is slow, and stops it when the reader leaves', async () => {
  let sent = 0;
  let ended = false;
  const { client } = pair({
    async count(_: never, { send }) {
      try {
        for (;;) {
          sent++;
          await send(sent);
        }
      } finally {
        ended = true;
      }
    },
  });
  for await (const i of client.iterate<number>('count', 0)) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(sent).toBe(i);
    if (i === 3) break;
  }
  expect([sent, ended]).toEqual([3, true]);
});

it('aborts an iteration before and in the middle', async () => {
  const { client } = pair({ count });
  const read = async (signal: AbortSignal, at?: () => void) => {
    for await (const _ of client.iterate('count', { to: 1e9 }, { signal })) at?.();
  };
  await expect(read(AbortSignal.abort())).rejects.toThrow(AbortError);
  const stop = new AbortController();
  await expect(read(stop.signal, () => stop.abort())).rejects.toThrow(AbortError);
});

it('tells events to those who listen', async () => {
  const { client, server } = pair({ one: () => 1 });
  const seen: unknown[] = [];
  const off = client.on('lost', (value) => seen.push(value));
  server.emit('lost', 1);
  server.emit('other', 2);
  await client.call('one');
  off();
  server.emit('lost', 3);
  await client.call('one');
  expect(seen).toEqual([1]);
});

it('ends every open call and iteration with the reason when the other side dies, and later ones at once', async () => {
  const { client } = pair({ hang: () => forever, count });
  const stop = new AbortController();
  const calls = [client.call('hang'), client.call('hang', 0, { signal: stop.signal })];
  const reader = client.iterate<number>('count', { to: 5 });
  expect((await reader.next()).value).toBe(0);
  const asked = [reader.next(), ...calls];
  client.fail(new WorkerError('[worker] ended'));
  for (const call of asked) await expect(call).rejects.toThrow('[worker] ended');
  await expect(client.call('hang')).rejects.toThrow(WorkerError);
  stop.abort();
});

it('notices a side that is silent while calls are open, by beats and not by the clock', async () => {
  const { port1, port2 } = new MessageChannel(); // nobody answers
  ports.push(port1, port2);
  const hung = vi.fn();
  const client = new Client(port2 as unknown as Port, hung, { every: 10, missed: 3 });
  const now = vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 1e9); // the laptop slept
  const error: unknown = await client.call('anything').catch((thrown: unknown) => thrown);
  now.mockRestore();
  expect(error).toBeInstanceOf(WorkerError);
  expect((error as Error).message).toMatch(/^\[worker\] the worker must answer but has been silent for /);
  expect(hung).toHaveBeenCalledExactlyOnceWith(error);
});

it('takes a long call for alive as long as the other side answers', async () => {
  const hung = vi.fn();
  const { client } = pair({ slow: () => new Promise((resolve) => setTimeout(() => resolve('done'), 300)) }, hung, {
    every: 10,
    missed: 10,
  });
  expect(await client.call('slow')).toBe('done');
  expect(hung).not.toHaveBeenCalled();
});
