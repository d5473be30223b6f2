/**
 * Faults in the page's worker, at a place and not at a time: the host serves the worker's file with a few lines before it that stand between the
 * engine and WebGPU. They refuse adapters, lose the device or run out of memory at a call that is named, stop the worker, and watch its submits.
 */
import { readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { PAGE, type PageHost } from './built_page.ts';
import type { Watched } from './chromium.ts';

/** What happens once, at a call of the device. */
export interface Fault {
  readonly call: 'createBuffer' | 'createComputePipelineAsync' | 'createCommandEncoder' | 'createBindGroup';
  /** The label must have this in it; any without. */
  readonly label?: string;
  /** At which of those calls, from 1 on. */
  readonly nth?: number;
  readonly then: 'lose' | 'out of memory';
}

export interface Faults {
  /** Adapters that are refused before one is given. */
  readonly refuse?: number;
  /** In their order: each waits for the one before it. */
  readonly faults?: readonly Fault[];
}

/** What the worker tells of itself. */
export interface Seen {
  /** Adapters asked for, devices given. */
  readonly asked: number;
  readonly devices: number;
  /** Submits with work of a model in them, and milliseconds on the device of the longest. */
  readonly submits: number;
  readonly longest: number;
}

const CHANNEL = 'overtone faults';

/** Runs in the worker before its own code. */
function prologue(channelName: string, { refuse = 0, faults = [] }: Faults): void {
  const scope = globalThis as unknown as Record<string, { prototype: Record<string, (...args: never[]) => unknown> }>;
  const seen = { asked: 0, devices: 0, submits: 0, longest: 0 };
  const left = faults.map((fault) => ({ ...fault }));
  const dead = new WeakSet();
  let full = false;
  let refusing = refuse;
  let device: { destroy(): void } | undefined;
  const wrap = (type: string, name: string, make: (call: (...args: unknown[]) => unknown, self: never) => unknown) => {
    const { prototype } = scope[type];
    const original = prototype[name] as (...args: unknown[]) => unknown;
    prototype[name] = function (this: never, ...args: never[]) {
      return (make(original.bind(this), this) as (...given: never[]) => unknown)(...args);
    };
  };

  wrap('GPU', 'requestAdapter', (call) => async (...args: unknown[]) => {
    seen.asked++;
    if (refusing <= 0) return call(...args);
    refusing--;
    return null;
  });
  wrap('GPUAdapter', 'requestDevice', (call) => async (...args: unknown[]) => {
    device = (await call(...args)) as { destroy(): void };
    seen.devices++;
    return device;
  });
  for (const name of ['createBuffer', 'createComputePipelineAsync', 'createCommandEncoder', 'createBindGroup'])
    wrap('GPUDevice', name, (call, self: { destroy(): void }) => (descriptor?: { label?: string; size?: number }) => {
      const [next] = left;
      if (dead.has(self)) return call(descriptor);
      if (!next || next.call !== name || !(descriptor?.label ?? '').includes(next.label ?? '')) return call(descriptor);
      next.nth = (next.nth ?? 1) - 1;
      if (next.nth > 0) return call(descriptor);
      left.shift();
      if (next.then === 'out of memory') full = true;
      if (full) return call(descriptor);
      const result = call(descriptor);
      dead.add(self);
      self.destroy();
      return result;
    });
  wrap('GPUDevice', 'popErrorScope', (call) => async (...args: unknown[]) => {
    const error = await call(...args);
    if (!full) return error;
    full = false;
    return new (scope['GPUOutOfMemoryError'] as unknown as new (message: string) => unknown)('no room, says the test');
  });
  let last = 0;
  wrap('GPUQueue', 'submit', (call, self: { onSubmittedWorkDone(): Promise<void> }) => (...args: unknown[]) => {
    const start = performance.now();
    call(...args);
    seen.submits++;
    self.onSubmittedWorkDone().then(
      () => {
        const now = performance.now();
        seen.longest = Math.max(seen.longest, now - Math.max(start, last));
        last = now;
      },
      () => undefined,
    );
  });

  const actions: Record<string, (value: number) => void> = {
    see: () => undefined,
    forget: () => Object.assign(seen, { submits: 0, longest: 0 }),
    refuse: (count) => (refusing = count),
    lose: () => device?.destroy(),
    throw: () =>
      void setTimeout(() => {
        throw new Error('thrown by a test');
      }),
    spin: () =>
      void setTimeout(() => {
        for (;;);
      }),
  };
  const channel = new BroadcastChannel(channelName);
  channel.onmessage = (event: unknown) => {
    const { data } = event as { data: { id?: string; action: string; value: number } };
    if (data.id === undefined) return;
    actions[data.action](data.value);
    channel.postMessage({ answer: data.id, seen });
  };
}

/** From now on the host serves the page's worker with faults; the function ends it. */
export function serveFaults(host: PageHost, faults: Faults): () => void {
  const before = host.server.intercept;
  host.server.intercept = async (request, response) => {
    const name = /\/assets\/(worker-[\w-]+\.js)$/.exec(request.url ?? '')?.[1];
    if (name) return sendFaulty(response, readFileSync(join(PAGE, 'assets', name), 'utf8'), faults);
    return (await before?.(request, response)) ?? false;
  };
  return () => (host.server.intercept = before);
}

function sendFaulty(response: ServerResponse, text: string, faults: Faults): boolean {
  response.setHeader('content-type', 'text/javascript');
  response.setHeader('cache-control', 'no-store');
  response.end(`(${prologue.toString()})(${JSON.stringify(CHANNEL)}, ${JSON.stringify(faults)});\n${text}`);
  return true;
}

/** Tells the worker to do something and what it has seen then. */
export const worker = (
  page: Page,
  action: 'see' | 'forget' | 'refuse' | 'lose' | 'throw' | 'spin',
  value?: number,
): Promise<Seen> =>
  page.evaluate(`new Promise((resolve) => {
    const channel = new BroadcastChannel(${JSON.stringify(CHANNEL)});
    const id = crypto.randomUUID();
    channel.onmessage = ({ data }) => {
      if (data.answer !== id) return;
      channel.close();
      resolve(data.seen);
    };
    channel.postMessage({ id, action: ${JSON.stringify(action)}, value: ${JSON.stringify(value)} });
  })`);

/** A visitor who was never here, whose worker has faults. There is no service worker, which would keep the faults. */
export async function openFaulty(host: PageHost, faults: Faults): Promise<Watched> {
  const end = serveFaults(host, faults);
  const watched = await host.open({ serviceWorkers: 'block' });
  const { close } = watched;
  return Object.assign(watched, {
    close: async () => {
      end();
      await close();
    },
  });
}
