/**
 * Every case of every op, on the adapter of this project; outputs are poisoned first. Where ops have a choice, every variant of it is right, and has
 * the default's bits if the key counts rows or pictures.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../src/engine/index.ts';
import { openDevice } from '../../node/device.ts';
import type { CaseList } from '../support/case.ts';
import { planCase, runCase } from '../support/run_case.ts';

const files = import.meta.glob<{ list: CaseList }>('../cases/*.ts', { eager: true });
const lists = Object.values(files).map(({ list }) => list);
const ops = lists.map(({ op }) => op).sort();
const only = process.env.OVERTONE_OPS?.split(',') ?? ops;
const unknown = only.filter((op) => !ops.includes(op));
if (unknown.length > 0)
  throw new Error(`OVERTONE_OPS must name ops of tests/cases (${ops.join(', ')}) but names ${unknown.join(', ')}`);

let device: Device;
beforeAll(async () => {
  device = await openDevice();
  device.poison = true;
});
afterAll(() => device.destroy());

const bits = (values: Float32Array | Uint32Array) => new Uint32Array(values.buffer, values.byteOffset, values.length);

for (const list of lists.filter(({ op }) => only.includes(op))) {
  describe(list.op, () => {
    test.each(list.cases.filter((c) => !c.timed).map((c) => [c.name, c] as const))('%s', async (_, op) => {
      const { worst, outputs } = await runCase(device, op);
      expect(worst).toBeLessThan(op.tolerance ?? 2e-6);
      for (const { key, variants } of planCase(device, op).plan.choices)
        for (const variant of variants.slice(1).filter((name) => op.variants?.includes(name) ?? true)) {
          const other = await runCase(device, op, new Map([[key, variant]]));
          expect(other.worst, `${variant} of ${key}`).toBeLessThan(op.tolerance ?? 2e-6);
          if (/ (rows|pictures)[=≤]/.test(key))
            for (const [name, values] of Object.entries(other.outputs))
              expect(bits(values), `${name} by ${variant} of ${key}`).toEqual(bits(outputs[name]));
        }
      expect(device.totalBytes).toBe(device.ownBytes);
    });
  });
}
