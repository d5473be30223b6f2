/**
 * A whole small model, from its load to a picture and an answer, in which every GPU call fails in turn. `npm run test:faults` tries each
 * point in each mode, `npm test` a spread of them.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Scenario, every, everyFault, reportText, undisturbed } from '../support/every_fault.ts';
import { closeRealDevice } from '../support/faulty_device.ts';
import { type Outcome, type SmallModel, difference, openSmall, useSmall } from '../support/small_model.ts';

const scenario: Scenario<Outcome> = {
  async run(host, devices) {
    const model = await openSmall(host);
    devices.push(model.device);
    try {
      return await useSmall(model);
    } catch (error) {
      if (host.hit && !host.lost) await expectAgain(model);
      throw error;
    } finally {
      model.close();
    }
  },
  difference,
};

let first: Outcome;

/** A device that lives on after a failure still has a model that works. */
async function expectAgain(model: SmallModel): Promise<void> {
  const again = await useSmall(model).catch((error: unknown) => String(error));
  const differs = typeof again === 'string' ? again : difference(first, again);
  if (differs) throw new Error(`the same model, asked again, must give the same bits but: ${differs}`);
}

beforeAll(async () => {
  first = (await undisturbed(scenario)).result;
});
afterAll(closeRealDevice);

describe('the undisturbed run', () => {
  test('makes a picture and three tokens that would show a difference', () => {
    expect(first.pictures[0].length).toBe(32 * 32 * 3);
    expect(new Set(first.pictures[0]).size).toBeGreaterThan(50);
    expect(first.ids.length).toBeGreaterThan(0);
  });

  test('gives the same bits again', async () => {
    expect(difference(first, (await undisturbed(scenario)).result)).toBeUndefined();
  });
});

test(
  'each failure is one typed error, nothing is held, and the next run has the same bits',
  async () => {
    const started = performance.now();
    const report = await everyFault(scenario, 4);
    console.log(reportText('load, picture and answer of the small model', report));
    console.log(`${((performance.now() - started) / report.total).toFixed(0)} ms a point`);
    expect(report.problems).toEqual([]);
    expect(report.total).toBeGreaterThan(every ? 1500 : 80);
  },
  every ? 3_600_000 : 240_000,
);
