/** The built page from its first load on: a picture, questions about it, a lost GPU process. Each state is one that axe finds nothing in. */
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { openHarmon } from '../../node/model.ts';
import { type PageHost, hostPage } from '../support/built_page.ts';
import type { Watched } from '../support/chromium.ts';
import { SLOW, difference, expectAccessible, field, make, shown, source } from '../support/page_actions.ts';

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const PROMPT = 'a fox above a pizza';
const SEED = 7;
const ITERATIONS = 4;

let host: PageHost;
let watched: Watched;
/** The same picture from Node. */
let expected: Uint8Array;

beforeAll(async () => {
  host = await hostPage();
  watched = await host.open();
  const harmon = await openHarmon();
  const [{ data }] = await harmon.generate({ prompt: PROMPT, seed: SEED, iterations: ITERATIONS });
  harmon.destroy();
  expected = data;
});
afterAll(() => host.close());
afterEach(() => expect(watched.problems).toEqual([]));

test('the embedded model opens by itself', async () => {
  await watched.page.getByRole('button', { name: 'Models: harmon-tiny' }).waitFor(SLOW);
  await expectAccessible(watched.page);
});

test('a picture from words is the one that Node makes of the seed, and previews are seen on the way', async () => {
  const { page } = watched;
  await page.getByRole('button', { name: 'All settings' }).click();
  await field(page, 'Iterations', ITERATIONS);
  await expectAccessible(watched.page);
  await make(page, PROMPT, SEED);
  const preview = page.locator('.picture-canvas');
  await preview.waitFor(SLOW);
  const apart = difference(await shown(page, PROMPT, SEED), expected);
  console.log(`Chromium and Node: ${apart.count} of ${expected.length} bytes differ, by at most ${apart.most}`);
  expect(apart.most).toBeLessThanOrEqual(2);
  await expectAccessible(watched.page);
});

test('a question is answered, and a further one', async () => {
  const { page } = watched;
  await page.getByRole('button', { name: 'Ask', exact: true }).first().click();
  const talk = page.getByTestId('talk');
  for (const [n, question] of ['What is in the image?', 'How many objects are there?'].entries()) {
    await page.getByLabel('Question', { exact: true }).fill(question);
    await page.getByLabel('Question', { exact: true }).press('Enter');
    const answer = talk.locator('.answered:not(.streaming)').nth(n);
    await expect.poll(() => answer.textContent({ timeout: 100_000 }), SLOW).toMatch(/\w{3}/);
  }
  await expectAccessible(watched.page);
  await page.getByRole('button', { name: 'Make', exact: true }).first().click();
});

test('cancelled in the middle, and made again', async () => {
  const { page } = watched;
  await make(page, 'two dogs', 3);
  await page.locator('.picture-canvas').waitFor(SLOW);
  await page
    .getByRole('button', { name: /^(Cancel|Stop)/ })
    .first()
    .click();
  await page.locator('.picture-canvas').waitFor({ state: 'detached', ...SLOW });
  const before = await source(page);
  await make(page, PROMPT, SEED);
  expect(difference(await shown(page, PROMPT, SEED, before), expected).most).toBeLessThanOrEqual(2);
});

test('the GPU process ends in the middle: the same picture comes all the same', async () => {
  const { page } = watched;
  const before = await shown(page, PROMPT, SEED);
  await make(page, PROMPT, SEED + 1);
  const undisturbed = await shown(page, PROMPT, SEED + 1);
  expect(difference(undisturbed, before).count).toBeGreaterThan(1000);
  await make(page, PROMPT, SEED); // the picture between two equal ones
  await shown(page, PROMPT, SEED);

  await make(page, PROMPT, SEED + 1);
  await page.locator('.picture-canvas').waitFor(SLOW);
  const session = await host.browser.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  process.kill(processInfo.find(({ type }) => type === 'GPU')!.id, 'SIGKILL');
  await page
    .getByTestId('notice')
    .getByText(/taken away|goes on/)
    .waitFor(SLOW);
  const apart = difference(await shown(page, PROMPT, SEED + 1), undisturbed);
  expect(apart).toEqual({ most: 0, count: 0 });
});
