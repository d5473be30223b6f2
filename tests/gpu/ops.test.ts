/** Every case of every op, on the adapter of this project; outputs are poisoned first. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../src/engine/index.ts';
import { openDevice } from '../../node/device.ts';
import type { CaseList } from '../support/case.ts';
import { runCase } from '../support/run_case.ts';

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

for (const list of lists.filter(({ op }) => only.includes(op))) {
  describe(list.op, () => {
    test.each(list.cases.filter((c) => !c.timed).map((c) => [c.name, c] as const))('%s', async (_, op) => {
      const { worst } = await runCase(device, op);
      expect(worst).toBeLessThan(op.tolerance ?? 2e-6);
      expect(device.totalBytes).toBe(device.bytes.uniforms);
    });
  });
}
