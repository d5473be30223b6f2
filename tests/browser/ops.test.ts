/** Every case of every op in a page of Chromium; outputs are poisoned first. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CaseList } from '../support/case.ts';
import { type OpenHarness, openHarness } from '../support/harness.ts';

const files = import.meta.glob<{ list: CaseList }>('../cases/*.ts', { eager: true });
let page: OpenHarness;
beforeAll(async () => {
  page = await openHarness();
});
afterAll(() => page.close());

for (const { op, cases } of Object.values(files).map(({ list }) => list)) {
  describe(op, () => {
    test.each(cases.filter((c) => !c.timed && !c.gpu).map((c) => [c.name, c] as const))(
      '%s',
      async (name, { tolerance = 2e-6 }) => {
        const { worst, left } = await page.call('runCase', op, name);
        expect(worst).toBeLessThan(tolerance);
        expect(left).toBe(0);
      },
    );
  });
}
