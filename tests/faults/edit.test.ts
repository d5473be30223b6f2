/**
 * An edit with the small model, in which every GPU call fails in turn, as `model.test.ts` does it for pictures and answers. Cancelled while it loads
 * and between iterations.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AbortError } from '../../src/engine/index.ts';
import type { GenerateOptions } from '../../src/harmon/index.ts';
import { type Scenario, every, everyFault, held, reportText, undisturbed, within } from '../support/every_fault.ts';
import { closeRealDevice, faultyDevice } from '../support/faulty_device.ts';
import { formulaPicture } from '../support/formula.ts';
import { type SmallModel, openSmall } from '../support/small_model.ts';

/** A picture of 2 × 3 tokens, the last column padded; a third of it is made anew, and a row below. */
const edit = {
  picture: formulaPicture(40, 32),
  mask: { width: 3, height: 1, data: Uint8Array.of(0, 255, 0) },
  extend: { bottom: 1 },
};

async function editSmall({ harmon }: SmallModel, options: Partial<GenerateOptions> = {}): Promise<Uint8Array> {
  const [picture] = await harmon.generate({ prompt: 'a dog', edit, iterations: 2, timesteps: 3, seed: 7, ...options });
  return picture.data;
}

const difference = (a: Uint8Array, b: Uint8Array) => (Buffer.compare(a, b) === 0 ? undefined : 'the edit');

const scenario: Scenario<Uint8Array> = {
  async run(host, devices) {
    const model = await openSmall(host);
    devices.push(model.device);
    try {
      return await editSmall(model);
    } catch (error) {
      if (host.hit && !host.lost && difference(first, await editSmall(model)))
        throw new Error('the same model, asked again, must give the same bits', { cause: error });
      throw error;
    } finally {
      model.close();
    }
  },
  difference,
};

let first: Uint8Array;
beforeAll(async () => {
  first = (await undisturbed(scenario)).result;
});
afterAll(closeRealDevice);

test('the undisturbed edit shows differences and gives the same bits again', async () => {
  expect(first.length).toBe(40 * 48 * 3);
  expect(new Set(first).size).toBeGreaterThan(50);
  expect(difference(first, (await undisturbed(scenario)).result)).toBeUndefined();
});

test(
  'each failure is one typed error, nothing is held, and the next run has the same bits',
  async () => {
    const report = await everyFault(scenario, 2);
    console.log(reportText('load and edit of the small model', report));
    expect(report.problems).toEqual([]);
    expect(report.total).toBeGreaterThan(every ? 900 : 60);
  },
  every ? 3_600_000 : 240_000,
);

test('cancelled at every callback, it ends with one AbortError and holds nothing', async () => {
  for (const at of ['load', 1, 2] as const) {
    const host = await faultyDevice();
    const model = await openSmall(host);
    const abort = new AbortController();
    const onLoad = () => void (at === 'load' && abort.abort());
    const onIteration: GenerateOptions['onIteration'] = ({ done }) => void (done === at && abort.abort());
    const run = editSmall(model, { signal: abort.signal, onLoad, onIteration });
    await expect(within(10_000, run), `at ${at}`).rejects.toThrow(AbortError);
    expect(difference(first, await editSmall(model))).toBeUndefined();
    model.close();
    expect(await held(host, [model.device])).toBeUndefined();
  }
});
