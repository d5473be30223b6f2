/**
 * Tensors larger than a binding: every op's cases once more on a device whose bindings hold about half, a third and a fifth of the largest tensor.
 * The plan must split what does not fit, or refuse; what it splits must give the same bits as the whole.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openDevice } from '../../node/device.ts';
import { type Device, OvertoneError, type Plan } from '../../src/engine/index.ts';
import type { CaseList, OpCase } from '../support/case.ts';
import { planCase, runCase } from '../support/run_case.ts';

const files = import.meta.glob<{ list: CaseList }>('../cases/*.ts', { eager: true });
const lists = Object.values(files).map(({ list }) => list);
/** Ops whose tensors are small: a vocabulary, the chosen rows of an iteration. A plan refuses them beyond a binding. */
const WHOLE = ['argmax', 'diffusion_update', 'diffusion_sampler'];

let device: Device;
beforeAll(async () => {
  device = await openDevice();
  device.poison = true;
});
afterAll(() => device.destroy());

/** The plan for bindings of `maxBinding` bytes; none where it is refused. */
function planned(op: OpCase, maxBinding: number): Plan | undefined {
  try {
    return planCase(device, { ...op, maxBinding }).plan;
  } catch (error) {
    if (error instanceof OvertoneError && error.code === 'memory') return undefined;
    throw error;
  }
}

/** Index of the first element that differs, −1 where all are equal. */
function firstDifference(a: Float32Array | Uint32Array, b: Float32Array | Uint32Array): number {
  return a.length === b.length ? a.findIndex((value, i) => !Object.is(value, b[i])) : a.length;
}

/** Largest input, state, output or intermediate, bytes. */
function largest({ named, blocks }: Plan): number {
  return Math.max(...blocks, ...[...named.values()].map((n) => n.bytes));
}

for (const { op, cases } of lists.filter((l) => !WHOLE.includes(l.op)))
  describe(op, () => {
    const run = cases.filter((c) => !c.timed && !c.gpu && c.maxBinding === undefined);
    let split = 0;
    test.each(run.map((c) => [c.name, c] as const))('%s', async (_, one) => {
      const whole = planned(one, Infinity)!;
      let expected: Awaited<ReturnType<typeof runCase>>['outputs'] | undefined;
      for (const share of [2, 3, 5]) {
        const maxBinding = Math.ceil(largest(whole) / share);
        const plan = planned(one, maxBinding);
        if (!plan || plan.dispatches.length === whole.dispatches.length) continue;
        expected ??= (await runCase(device, one)).outputs;
        const { outputs } = await runCase(device, { ...one, maxBinding });
        for (const [name, y] of Object.entries(outputs))
          expect(firstDifference(y, expected[name]), `${name}, ${plan.dispatches.length} dispatches`).toBe(-1);
        split++;
      }
      expect(device.totalBytes).toBe(device.ownBytes);
    });
    test('some are split', () => {
      console.log(`${op}: ${split} plans split`);
      expect(split).toBeGreaterThan(0);
    });
  });
