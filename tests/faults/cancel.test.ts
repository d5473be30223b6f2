/**
 * A small model that is cancelled, or destroyed, at every moment at which it calls back: while loading, between iterations, between tokens,
 * and while it waits for its turn. One AbortError, nothing held, and the next run has the same bits.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AbortError, OvertoneError } from '../../src/engine/index.ts';
import { every, held, points, within } from '../support/every_fault.ts';
import { closeRealDevice, faultyDevice } from '../support/faulty_device.ts';
import { formulaPicture } from '../support/formula.ts';
import { type Outcome, type Step, difference, openSmall, smallHarmon, useSmall } from '../support/small_model.ts';

let expected: Outcome;
const steps: Step[] = [];

beforeAll(async () => {
  const model = await openSmall(await faultyDevice());
  expected = await useSmall(model, { onStep: (step) => steps.push(step) });
  model.close();
});
afterAll(closeRealDevice);

describe('cancelling', () => {
  test('before anything was started does nothing at all', async () => {
    const host = await faultyDevice();
    const model = await openSmall(host);
    const calls = host.calls.length;
    const signal = AbortSignal.abort('no');
    await expect(useSmall(model, { signal })).rejects.toThrow(AbortError);
    const pieces = model.harmon.describe(formulaPicture(32), { signal });
    await expect(pieces.next()).rejects.toThrow(AbortError);
    expect(host.calls.length).toBe(calls);
    model.close();
    expect(await held(host, [model.device])).toBeUndefined();
  });

  test('at every callback ends the call with one AbortError', async () => {
    const problems: string[] = [];
    const at = points(steps, 4);
    for (const n of at) {
      const problem = await cancelAt(n);
      if (problem) problems.push(`at callback ${n} of ${steps.length}: ${problem}`);
    }
    console.log(`cancelled at ${at.length} of ${steps.length} callbacks`);
    expect(problems).toEqual([]);
    expect(at.length).toBeGreaterThan(9);
  }, 600_000);

  test('at any time, not only in a callback', async () => {
    for (const ms of [0, 1, 2, 5, 10, 20, 35, 50, 75, 100, 150, 200].slice(0, every ? undefined : 8)) {
      const host = await faultyDevice();
      const model = await openSmall(host);
      const abort = new AbortController();
      const timer = setTimeout(() => abort.abort(), ms);
      const run = useSmall(model, { signal: abort.signal }).catch((error: unknown) => error);
      const result = await within(10_000, run);
      clearTimeout(timer);
      if (result instanceof Error) expect(result).toBeInstanceOf(AbortError);
      expect(difference(expected, await useSmall(model))).toBeUndefined();
      model.close();
      expect(await held(host, [model.device])).toBeUndefined();
    }
  }, 60_000);

  test('while waiting for its turn ends the waiting call at once, and nobody else', async () => {
    const host = await faultyDevice();
    const model = await openSmall(host);
    const abort = new AbortController();
    let firstIsDone = false;
    const make = () => model.harmon.generate({ prompt: 'a dog', iterations: 2, timesteps: 3, seed: 7 });
    const first = make().finally(() => (firstIsDone = true));
    const second = useSmall(model, { signal: abort.signal });
    const third = model.harmon.describe(formulaPicture(32), { signal: abort.signal }).next();
    const fourth = useSmall(model);
    abort.abort();
    await expect(second).rejects.toThrow(AbortError);
    await expect(third).rejects.toThrow(AbortError);
    expect(firstIsDone, 'the first call is still at work').toBe(false);
    expect(Buffer.compare((await first)[0].data, expected.pictures[0])).toBe(0);
    expect(difference(expected, await fourth)).toBeUndefined();
    model.close();
    expect(await held(host, [model.device])).toBeUndefined();
  });

  test('by an error of a callback ends the call with that error', async () => {
    for (const at of ['load', 'iteration', 'token'] as const) {
      const host = await faultyDevice();
      const model = await openSmall(host);
      const fault = new RangeError(`thrown at ${at}`);
      const onStep = (step: Step) => {
        if (step === at) throw fault;
      };
      await expect(useSmall(model, { onStep })).rejects.toBe(fault);
      expect(difference(expected, await within(10_000, useSmall(model)))).toBeUndefined();
      model.close();
      expect(await held(host, [model.device])).toBeUndefined();
    }
  });

  test('a description that nobody finishes frees its turn', async () => {
    const host = await faultyDevice();
    const model = await openSmall(host);
    for await (const _ of model.harmon.describe(formulaPicture(32), { maxNewTokens: 50 })) break;
    expect(difference(expected, await within(10_000, useSmall(model)))).toBeUndefined();
    model.close();
    expect(await held(host, [model.device])).toBeUndefined();
  });
});

async function cancelAt(n: number): Promise<string | undefined> {
  const host = await faultyDevice();
  const model = await openSmall(host);
  try {
    const abort = new AbortController();
    let step = 0;
    const onStep = () => {
      if (++step === n) abort.abort();
    };
    const error: unknown = await within(10_000, useSmall(model, { signal: abort.signal, onStep })).catch(
      (thrown: unknown) => thrown,
    );
    // the last token may be out when its callback cancels
    if (!(error instanceof AbortError) && !(n === steps.length && !(error instanceof Error)))
      return `an AbortError is due but it was ${String(error)}`;
    const differs = difference(expected, await within(10_000, useSmall(model)));
    if (differs) return `the next run differs in ${differs}`;
  } finally {
    model.close();
  }
  return held(host, [model.device]);
}

test('destroying the model at every callback ends its call with one typed error; the device serves another model', async () => {
  const problems: string[] = [];
  const at = points(steps, 4);
  for (const n of at) {
    const host = await faultyDevice();
    const model = await openSmall(host);
    let step = 0;
    const onStep = () => {
      if (++step === n) model.harmon.destroy();
    };
    const error: unknown = await within(10_000, useSmall(model, { onStep })).catch((thrown: unknown) => thrown);
    if (!(error instanceof OvertoneError) && n !== steps.length)
      problems.push(`at callback ${n} of ${steps.length}: a typed error is due but it was ${String(error)}`);
    const other = smallHarmon(model.device);
    const differs = difference(expected, await within(10_000, useSmall({ harmon: other })));
    other.destroy();
    if (differs) problems.push(`at callback ${n} of ${steps.length}: the other model differs in ${differs}`);
    try {
      model.close();
    } catch (leak) {
      problems.push(`at callback ${n} of ${steps.length}: ${String(leak)}`);
    }
    const still = await held(host, [model.device]);
    if (still) problems.push(`at callback ${n} of ${steps.length}: ${still}`);
  }
  expect(problems).toEqual([]);
}, 600_000);
