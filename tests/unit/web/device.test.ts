/** Asking the browser for a GPU: three times, a fresh adapter each time, and never for ever. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Device } from '../../../src/engine/index.ts';
import { openDevice } from '../../../web/device.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** A browser that answers the n-th request as `answer` says. */
function browser(answer: (n: number) => unknown): () => number {
  let asked = 0;
  vi.stubGlobal('navigator', { gpu: { requestAdapter: () => answer(++asked) } });
  return () => asked;
}

/** What became of the opening once all timers have run. */
async function outcome(): Promise<Device | Error> {
  const opening = openDevice().catch((error: unknown) => error as Error);
  await vi.runAllTimersAsync();
  return opening;
}

const limits = { maxStorageBufferBindingSize: 1, maxBufferSize: 1, maxComputeWorkgroupStorageSize: 1 };
const broken = (n: number) => ({
  limits,
  info: {},
  features: new Set(),
  requestDevice: () => Promise.reject(new Error(`device ${n} refused`)),
});

test('without an adapter it is asked for three times', async () => {
  const asked = browser(() => Promise.resolve(null));
  expect(String(await outcome())).toMatch(/found none in three tries: after a loss wait two minutes/);
  expect(asked()).toBe(3);
});

test('a browser that never answers is given up after three tries', async () => {
  const asked = browser(() => new Promise(() => undefined));
  expect(String(await outcome())).toMatch(/found none in three tries/);
  expect(asked()).toBe(3);
});

test('an adapter that gives no device is not asked again, but another one', async () => {
  const adapters: unknown[] = [];
  const asked = browser((n) => {
    adapters.push(broken(n));
    return Promise.resolve(adapters.at(-1));
  });
  const error = (await outcome()) as Error;
  expect(error.message).toMatch(/but gave no device/);
  expect(String(error.cause)).toMatch(/device 3 refused/);
  expect(asked()).toBe(3);
});

test('an adapter whose device never comes is given up as well', async () => {
  const asked = browser((n) => Promise.resolve({ ...broken(n), requestDevice: () => new Promise(() => undefined) }));
  expect(((await outcome()) as Error).message).toMatch(/but gave no device/);
  expect(asked()).toBe(3);
});
