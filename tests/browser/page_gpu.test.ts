/** What the page says and does when the GPU is not there or goes away: no adapter, losses at every stage that follow each other. */
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { type PageHost, hostPage } from '../support/built_page.ts';
import type { Watched } from '../support/chromium.ts';
import { SLOW, difference, expectAccessible, field, make, shown } from '../support/page_actions.ts';
import { type Faults, openFaulty, serveFaults, worker } from '../support/worker_faults.ts';

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const PROMPT = 'a fox above a pizza';

let host: PageHost;
const visitors: Watched[] = [];
let undisturbed: Uint8Array;
beforeAll(async () => {
  host = await hostPage();
});
afterAll(() => host.close());

async function leave(): Promise<void> {
  for (const { problems, close } of visitors.splice(0)) {
    expect(problems).toEqual([]);
    await close();
  }
}
afterEach(leave);

async function ready(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Models: harmon-tiny' }).waitFor(SLOW);
  await page.getByRole('button', { name: 'All settings' }).click();
  await field(page, 'Iterations', 2);
}

/** A visitor whose worker has faults, with the model open. */
async function visit(faults: Faults): Promise<Watched> {
  const visitor = await openFaulty(host, faults);
  visitors.push(visitor);
  await ready(visitor.page);
  return visitor;
}

/** Every notice that is shown from now on, in order; where the page waits, it is told to try now. */
async function followNotices(page: Page): Promise<() => Promise<string[]>> {
  await page.evaluate(`
    globalThis.notices = [];
    const look = () => {
      const notice = document.querySelector('[data-testid=notice]');
      const text = notice?.querySelector('span')?.textContent;
      if (!text || text === globalThis.notices.at(-1)) return;
      globalThis.notices.push(text);
      [...notice.querySelectorAll('button')].find((button) => button.textContent === 'Try now')?.click();
    };
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
  `);
  return () => page.evaluate('globalThis.notices');
}

test('an adapter is asked for three times; the page says what helps, and tries again', async () => {
  const end = serveFaults(host, { refuse: 3 });
  const visitor = await host.open({ serviceWorkers: 'block' });
  visitors.push(visitor);
  const { page } = visitor;
  const problem = page.getByTestId('model-problem');
  await problem.getByText(/found none in three tries: .*restart the browser/).waitFor(SLOW);
  await expectAccessible(page);
  end();
  await problem.getByRole('button', { name: 'Try again' }).click();
  await ready(page);
  await make(page, PROMPT, 7);
  undisturbed = await shown(page, PROMPT, 7);
});

test('losses while loading, compiling, iterating and decoding: it waits longer each time, and the picture is the same', async () => {
  const { page } = await visit({
    faults: [
      { call: 'createBuffer', label: 'mar.', nth: 20, then: 'lose' },
      { call: 'createComputePipelineAsync', nth: 8, then: 'lose' },
      { call: 'createCommandEncoder', label: 'text2image', nth: 12, then: 'lose' },
      { call: 'createCommandEncoder', label: 'vae_decoder', then: 'lose' },
    ],
  });
  const notices = await followNotices(page);
  await make(page, PROMPT, 7);
  expect(difference(await shown(page, PROMPT, 7), undisturbed)).toEqual({ most: 0, count: 0 });
  const waits = (await notices()).flatMap((text) => /in a moment|in (\d+) seconds/.exec(text)?.[0] ?? []);
  expect(waits).toEqual(['in a moment', 'in 2 seconds', 'in 10 seconds', 'in 30 seconds']);
  expect((await notices())[0]).toMatch(/taken away.* destroyed/i);
  expect((await worker(page, 'see')).devices).toBe(5);
});

test('a GPU that stays away is given up in the end, and opened again when asked', async () => {
  const { page } = await visit({});
  const notices = await followNotices(page);
  await make(page, PROMPT, 8);
  await page.locator('.picture-canvas').waitFor(SLOW);
  await worker(page, 'refuse', 1000);
  await worker(page, 'lose');
  const problem = page.getByTestId('model-problem');
  await problem.getByText(/found none in three tries/).waitFor(SLOW);
  const waits = (await notices()).flatMap((text) => /in (\d+) seconds/.exec(text)?.[1] ?? []);
  expect(waits).toEqual(['2', '10', '30', '60', '120']);
  await expectAccessible(page);
  await problem.getByRole('button', { name: 'Try again' }).click();
  await shown(page, PROMPT, 8); // the job that was waiting is made
});

test('out of memory: the numbers, and a smaller choice that is made', async () => {
  const { page } = await visit({ faults: [{ call: 'createBuffer', label: 'activations', then: 'out of memory' }] });
  await make(page, PROMPT, 7);
  const notice = page.getByTestId('notice');
  await notice.getByText('Not enough GPU memory').waitFor(SLOW);
  expect(await notice.textContent()).toMatch(/for \d+ MB more than the \d+ MB in use/);
  await expectAccessible(page);
  await notice.getByRole('button', { name: 'Make it at 64×64' }).click();
  expect((await shown(page, PROMPT, 7)).length).toBe(64 * 64 * 3);
});

test('a worker that dies is started again; one that dies twice within a minute says so', async () => {
  const visitor = await visit({});
  visitor.allow(/thrown by a test/);
  const { page } = visitor;
  await make(page, PROMPT, 7);
  await page.locator('.picture-canvas').waitFor(SLOW);
  await worker(page, 'throw');
  await page
    .getByTestId('notice')
    .getByText(/worker stopped.*begun again/)
    .waitFor(SLOW);
  expect(difference(await shown(page, PROMPT, 7), undisturbed)).toEqual({ most: 0, count: 0 });
  await worker(page, 'throw');
  const problem = page.getByTestId('model-problem');
  await problem.getByText('The worker stopped').waitFor(SLOW);
  await problem.getByRole('button', { name: 'Try again' }).click();
  await page.getByRole('button', { name: 'Models: harmon-tiny' }).waitFor(SLOW);
});

test('submits are short, and frames go on while a picture is made', async () => {
  const { page } = await visit({});
  await make(page, PROMPT, 8); // kernels are compiled, and the pace is known
  await shown(page, PROMPT, 8);
  await worker(page, 'forget');
  await page.evaluate(`
    globalThis.gap = 0;
    let last = performance.now();
    const frame = (now) => {
      globalThis.gap = Math.max(globalThis.gap, now - last);
      last = now;
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  `);
  await make(page, PROMPT, 7);
  expect(difference(await shown(page, PROMPT, 7), undisturbed).count).toBe(0);
  const { submits, longest } = await worker(page, 'see');
  const gap = (await page.evaluate('globalThis.gap')) as number;
  console.log(`${submits} submits, the longest ${longest.toFixed()} ms; longest frame gap ${gap.toFixed()} ms`);
  expect(longest).toBeLessThan(5000);
  expect(gap).toBeLessThan(5000);
});
