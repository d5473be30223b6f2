/** What a person does in the page with pictures and files: the brush, a saved file, a reload in the middle, what is no picture, no WebGPU. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { PAGE, type PageHost, hostPage } from '../support/built_page.ts';
import type { Watched } from '../support/chromium.ts';
import { SLOW, difference, expectAccessible, field, make, shown } from '../support/page_actions.ts';

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const PROMPT = 'a fox above a pizza';
const SEED = 7;
const SIDE = 128;
const SQUARE = 16;

let host: PageHost;
let watched: Watched;
let made: Uint8Array;

beforeAll(async () => {
  host = await hostPage();
  watched = await visit(2);
  await make(watched.page, PROMPT, SEED);
  made = await shown(watched.page, PROMPT, SEED);
});
afterAll(() => host.close());

/** A visitor who was never here, with the model open. */
async function visit(iterations: number): Promise<Watched> {
  const visitor = await host.open();
  const { page } = visitor;
  await page.getByRole('button', { name: 'Models: harmon-tiny' }).waitFor(SLOW);
  await page.getByRole('button', { name: 'All settings' }).click();
  await field(page, 'Iterations', iterations);
  return visitor;
}

const files = (page: Page) => page.locator('input[type=file][aria-label="Bring in pictures"]');

test('what the brush does not touch stays as it was, bit for bit', async () => {
  const { page, problems } = watched;
  await page.getByRole('button', { name: 'Edit', exact: true }).click();
  const box = (await page.getByTestId('mask').boundingBox())!;
  const at = (x: number, y: number) => [box.x + x * box.width, box.y + y * box.height] as const;
  await page.mouse.move(...at(0.4, 0.75));
  await page.mouse.down();
  await page.mouse.move(...at(0.6, 0.75), { steps: 5 });
  await page.mouse.up();
  await expectAccessible(page);
  await make(page, 'a fox above a burger', SEED, 'Make it anew');
  const edited = await shown(page, 'a fox above a burger', SEED);
  // the brush's radius is 0.08 of the side; the model makes whole squares anew
  const first = (share: number) => Math.floor((share * SIDE) / SQUARE) * SQUARE;
  const end = (share: number) => Math.ceil((share * SIDE) / SQUARE) * SQUARE;
  const inside = (_: number, i: number) => {
    const [x, y] = [Math.floor(i / 3) % SIDE, Math.floor(i / 3 / SIDE)];
    return x >= first(0.32) && x < end(0.68) && y >= first(0.67) && y < end(0.83);
  };
  const outside = (byte: number, i: number) => !inside(byte, i);
  expect(difference(edited.filter(outside), made.filter(outside))).toEqual({ most: 0, count: 0 });
  expect(difference(edited.filter(inside), made.filter(inside)).count).toBeGreaterThan(100);
  expect(problems).toEqual([]);
});

test('a saved file brings its picture and its settings back in another browser', async () => {
  const { page } = watched;
  await page.getByTestId('strip').getByRole('button', { name: PROMPT }).click();
  const saving = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Save the file' }).click();
  const download = await saving;
  expect(download.suggestedFilename()).toMatch(/^a-fox-above-a-pizza-7-\w{4}\.png$/);

  const other = await visit(5);
  await other.page.getByLabel('Prompt', { exact: true }).fill('two dogs');
  await files(other.page).setInputFiles({
    name: download.suggestedFilename(),
    mimeType: 'image/png',
    buffer: readFileSync(await download.path()),
  });
  await other.page.getByRole('heading', { name: 'Use its settings' }).waitFor();
  await expectAccessible(other.page);
  await other.page.getByRole('button', { name: 'Everything', exact: true }).click();
  const value = (label: string) => other.page.getByLabel(label, { exact: true }).inputValue();
  expect([await value('Prompt'), await value('Seed'), await value('Iterations')]).toEqual([PROMPT, '7', '2']);
  expect(difference(await shown(other.page, PROMPT, SEED), made).count).toBe(0);
  expect(other.problems).toEqual([]);
  await other.close();
});

test('the queue goes on after a reload in the middle', async () => {
  const visitor = await visit(4);
  const { page } = visitor;
  await make(page, 'a purple heart', 1);
  await page.locator('.picture-canvas').waitFor(SLOW);
  await make(page, 'three rockets', 2, 'Add to queue');
  await expect.poll(() => page.getByTestId('job').count()).toBe(2);
  await page.reload();
  await expect.poll(() => page.getByTestId('strip').locator('img').count(), SLOW).toBe(2);
  const names = page.getByTestId('strip').getByRole('button');
  expect(await names.evaluateAll((all) => all.map((each) => each.getAttribute('aria-label')))).toEqual([
    'three rockets',
    'a purple heart',
  ]);
  expect(visitor.problems).toEqual([]);
  await visitor.close();
});

test('a file that is no picture is refused in one sentence', async () => {
  const { page, problems } = watched;
  const before = await page.getByTestId('strip').locator('img').count();
  await files(page).setInputFiles({ name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('no picture') });
  await page.getByTestId('notice').getByText('notes.txt is no picture that this browser can read').waitFor();
  expect(await page.getByTestId('strip').locator('img').count()).toBe(before);
  await expectAccessible(page);
  expect(problems).toEqual([]);
});

test('without WebGPU the page says so', async () => {
  host.server.intercept = ({ url }, response) => {
    const name = /\/assets\/(worker-[\w-]+\.js)$/.exec(url ?? '')?.[1];
    if (!name) return false;
    response.setHeader('content-type', 'text/javascript');
    response.end(`delete WorkerNavigator.prototype.gpu;${readFileSync(join(PAGE, 'assets', name), 'utf8')}`);
    return true;
  };
  const visitor = await host.open();
  const { page } = visitor;
  const problem = page.getByTestId('model-problem');
  await problem.getByText('This browser gives no GPU').waitFor(SLOW);
  expect(await problem.textContent()).toMatch(/WebGPU/);
  await expectAccessible(page);

  host.server.intercept = undefined;
  await visitor.close();
});
