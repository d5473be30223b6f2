/** Slices of a stream by predicted and measured time, on a device that works at a stated pace by a clock of its own. */
import { expect, test } from 'vitest';
import type { Device } from '../../src/engine/index.ts';
import { Pace, Stream } from '../../src/engine/stream.ts';

/** A device that does its submits one after the other. */
function slowDevice() {
  let clock = 0;
  let busyUntil = 0;
  let encoded = 0;
  const took: number[] = [];
  const pass = { end: () => undefined };
  const encoder = { beginComputePass: () => pass, finish: () => ({}) };
  const queue = {
    submit() {
      took.push(encoded);
      busyUntil = Math.max(clock, busyUntil) + encoded;
      encoded = 0;
    },
    async onSubmittedWorkDone() {
      const done = busyUntil;
      await Promise.resolve();
      clock = Math.max(clock, done);
    },
  };
  const device = {
    gpu: { queue, createCommandEncoder: () => encoder },
    now: () => clock,
    scope: async (_: string, body: () => void) => body(),
    wait: (_: string, promise: Promise<unknown>) => promise,
    check: () => undefined,
  } as unknown as Device;
  const pace = new Pace();
  return {
    /** Milliseconds of each submit. */
    took,
    /** One run of `dispatches`, in units, each at its nanoseconds a unit. */
    async run(dispatches: readonly (readonly [units: number, ns: number])[]): Promise<void> {
      const stream = new Stream(device, pace, 'run', undefined, () => () => undefined);
      for (const [units, ns] of dispatches) {
        stream.compute('plan', 'kernel', units);
        encoded += (units * ns) / 1e6;
        if (stream.full) await stream.pacing();
      }
      await stream.finish();
    },
  };
}

/** As lavapipe and SwiftShader work on two cores. */
const SOFTWARE = 0.05;
const times = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value);

test.each([
  ['a software adapter', SOFTWARE],
  ['one that is 50 times slower', 50 * SOFTWARE],
])('%s: no submit is over 500 ms, and most are near 100', async (_, ns) => {
  const { took, run } = slowDevice();
  await run(times(10_000, [4e6, ns] as const));
  expect(Math.max(...took)).toBeLessThan(500);
  const late = took.slice(-10, -1); // the last one is the rest
  expect(Math.min(...late)).toBeGreaterThan(50);
  expect(Math.max(...late)).toBeLessThan(150);
});

test('one that is 400 times slower is over the cap by its first slices only', async () => {
  const { took, run } = slowDevice();
  await run(times(2000, [4e6, 400 * SOFTWARE] as const));
  expect(Math.max(...took)).toBeLessThan(2000);
  expect(Math.max(...took.slice(6))).toBeLessThan(200);
});

test('a device that becomes slower is noticed by the slices in flight', async () => {
  const { took, run } = slowDevice();
  await run(times(2000, [4e6, SOFTWARE] as const));
  const before = took.length;
  await run(times(2000, [4e6, 4 * SOFTWARE] as const));
  expect(Math.max(...took.slice(before))).toBeLessThan(500);
  expect(Math.max(...took.slice(before + 8))).toBeLessThan(150);
});

test('a large dispatch is not put behind others in one submit', async () => {
  const { took, run } = slowDevice();
  await run(times(400, [4e6, SOFTWARE] as const));
  const before = took.length;
  await run([
    [1e9, SOFTWARE],
    [9.5e9, SOFTWARE],
  ]);
  expect(took.slice(before)).toEqual([50, 475]);
});

test('short submits, which are mostly their way there and back, leave the pace as it is', () => {
  const pace = new Pace();
  pace.learn(4e7, 2);
  const { nsPerUnit } = pace;
  pace.learn(2e6, 15);
  expect(pace.nsPerUnit).toBe(nsPerUnit);
});
