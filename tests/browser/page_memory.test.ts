/**
 * Pictures and cancels in a row leave the tracked GPU bytes and the worker's heap where they began. By default a few small
 * ones; OVERTONE_SOAK=full does 20 of each at the model's own size.
 */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type PageHost, hostPage } from '../support/built_page.ts';
import { SLOW, field, make, shown } from '../support/page_actions.ts';
import { workerHeap } from '../support/worker_heap.ts';

const [times, side, timesteps] = process.env.OVERTONE_SOAK === 'full' ? [20, 128, 50] : [2, 64, 5];
/** Pictures and cancels before the first measure, for caches that fill once. */
const WARM = 2;

let host: PageHost;
beforeAll(async () => {
  host = await hostPage();
});
afterAll(() => host.close());

/** Bytes on the GPU, as the device panel tells them. */
async function tracked(page: Page): Promise<number> {
  await page.getByRole('button', { name: 'Device' }).click();
  const value = await page.getByRole('region', { name: 'GPU memory' }).locator('data').getAttribute('value');
  await page.getByRole('button', { name: 'Close' }).click();
  return Number(value);
}

async function cancelled(page: Page): Promise<void> {
  await field(page, 'Iterations', 16);
  await make(page, 'a purple heart', 1);
  await page.locator('.picture-canvas').waitFor(SLOW);
  await page
    .getByRole('button', { name: /^Cancel/ })
    .first()
    .click();
  await page.locator('.picture-canvas').waitFor({ state: 'detached', ...SLOW });
}

async function made(page: Page, seed: number): Promise<void> {
  await field(page, 'Iterations', 2);
  await make(page, 'two dogs', seed);
  await shown(page, 'two dogs', seed);
}

test(
  'pictures and cancels in a row leave nothing behind',
  async () => {
    const { page, problems } = await host.open();
    await page.getByRole('button', { name: 'Models: harmon-tiny' }).waitFor(SLOW);
    await page.getByRole('button', { name: 'All settings' }).click();
    for (const size of ['Width', 'Height']) await field(page, size, side);
    await field(page, 'Timesteps', timesteps);
    const heap = await workerHeap(page, 'overtone');
    for (let i = 0; i < WARM; i++) {
      await made(page, i);
      await cancelled(page);
    }
    const before = { tracked: await tracked(page), heap: await heap.read() };
    for (let i = 0; i < times; i++) await made(page, WARM + i);
    for (let i = 0; i < times; i++) await cancelled(page);
    await expect.poll(() => tracked(page)).toBe(before.tracked);
    const grown = (await heap.read()) - before.heap;
    console.log(
      `${times} pictures and ${times} cancels: ${before.tracked} bytes on the GPU before and after, the worker's heap of ` +
        `${(before.heap / 1e6).toFixed(2)} MB ${(grown / 1e3).toFixed(0)} kB larger`,
    );
    expect(grown).toBeLessThan(500e3);
    expect(problems).toEqual([]);
    await heap.close();
  },
  120_000 + times * 20_000,
);
