/** What the page hands out makes the same elsewhere: links, command lines, code, its ZIP; sheets and presets on the way. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { decode, encode } from 'fast-png';
import { zipSync } from 'fflate';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { readPictureText } from '../../src/harmon/picture_text.ts';
import { type PageHost, hostPage } from '../support/built_page.ts';
import type { Watched } from '../support/chromium.ts';
import { SLOW, difference, expectAccessible, field, make, pixels, shown } from '../support/page_actions.ts';

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const MAIN = fileURLToPath(new URL('../../dist/node/main.js', import.meta.url));
const PROMPT = `a dog's "house" & $HOME above a cat`;
const SEED = 11;
const SIDE = 64;

let host: PageHost;
let watched: Watched;
let folder: string;
let made: Uint8Array;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'overtone-shared-'));
  host = await hostPage();
  watched = await host.open();
  const { page } = watched;
  await page.getByRole('button', { name: 'Models: harmon-tiny' }).waitFor(SLOW);
  await page.getByRole('button', { name: 'All settings' }).click();
  for (const size of ['Width', 'Height']) await field(page, size, SIDE);
  await field(page, 'Iterations', 2);
  await field(page, 'Timesteps', 5);
  await field(page, 'Guidance prompt', "it's blurry");
  await make(page, PROMPT, SEED);
});
afterAll(async () => {
  await host.close();
  rmSync(folder, { recursive: true });
});

const titles = (page: Page) =>
  page
    .getByTestId('strip')
    .getByRole('button')
    .evaluateAll((all) => all.map((each) => each.getAttribute('aria-label')));

async function copied(page: Page, name: string): Promise<string> {
  const text = await page.getByRole('region', { name, exact: true }).locator('pre').textContent();
  return text!;
}

/** Runs a copied command line as somebody does who pastes it. */
const runLine = (line: string) =>
  promisify(execFile)('sh', ['-c', `overtone() { "$NODE" "$MAIN" "$@"; }\n${line}`], {
    cwd: folder,
    env: { ...process.env, NODE: process.execPath, MAIN },
  });

test('a link, a command line and code make the same picture', async () => {
  const { page, context, problems } = watched;
  made = await shown(page, PROMPT, SEED);
  await page.getByRole('button', { name: 'Copy as' }).click();
  await expectAccessible(page);
  const [link, line, code] = [
    await copied(page, 'Link'),
    await copied(page, 'Command line'),
    await copied(page, 'Code'),
  ];
  await page.getByRole('button', { name: 'Close' }).click();

  const other = await context.newPage();
  await other.goto(link);
  const value = (label: string) => other.getByLabel(label, { exact: true }).inputValue();
  await other.getByLabel('Prompt', { exact: true }).waitFor();
  expect([await value('Prompt'), await value('Seed'), await value('Guidance prompt'), await value('Width')]).toEqual([
    PROMPT,
    String(SEED),
    "it's blurry",
    String(SIDE),
  ]);
  await other.close();

  await runLine(line);
  const byLine = decode(readFileSync(join(folder, 'picture.png')));
  expect(difference(Uint8Array.from(byLine.data as Uint8Array), made).most).toBeLessThanOrEqual(2);

  const literal = /generate\(([\s\S]*)\)/.exec(code)![1];
  expect(new Function(`return ${literal}`)()).toMatchObject({
    prompt: PROMPT,
    seed: SEED,
    imageSize: [SIDE, SIDE],
    iterations: 2,
    timesteps: 5,
    guidancePrompt: "it's blurry",
  });
  expect(problems).toEqual([]);
});

test('a variation is made again from its saved file and the picture it was made of', async () => {
  const { page, problems } = watched;
  const save = async (): Promise<string> => {
    const saving = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Save the file' }).click();
    const path = join(folder, (await saving).suggestedFilename());
    await (await saving).saveAs(path);
    return path;
  };
  const original = await save();
  await page.getByRole('button', { name: 'Vary' }).click();
  await page.getByTestId('picture').getByText('· edited ·').waitFor(SLOW);
  const varied = await pixels(page);
  await save();
  await page.getByRole('button', { name: 'Copy as' }).click();
  await expectAccessible(page);
  const line = (await copied(page, 'Command line')).replace("'the picture that was edited.png'", `'${original}'`);
  await page.getByRole('button', { name: 'Close' }).click();
  await runLine(line);
  const again = decode(readFileSync(join(folder, 'picture.png')));
  expect(difference(Uint8Array.from(again.data as Uint8Array), varied).most).toBeLessThanOrEqual(2);
  await page.getByTestId('strip').getByRole('button', { name: PROMPT }).last().click();
  expect(problems).toEqual([]);
});

test('a JPEG remembers how it was made', async () => {
  const { page, problems } = watched;
  const saving = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Save as JPEG' }).click();
  const download = await saving;
  expect(download.suggestedFilename()).toMatch(/\.jpg$/);
  const { record } = readPictureText(readFileSync(await download.path()), 'saved.jpg');
  expect(record).toMatchObject({ prompt: PROMPT, seed: SEED, imageSize: [SIDE, SIDE], iterations: 2 });
  expect(problems).toEqual([]);
});

test('a sheet over two settings is one picture with labels, and says how it was made', async () => {
  const { page, problems } = watched;
  await page.getByRole('button', { name: 'Sheet over two settings' }).click();
  await page.getByLabel('Columns: values').fill('1, 3, x');
  await page.getByRole('button', { name: /^Make \d/ }).click();
  await page.getByRole('alert').getByText('Guidance must be numbers').waitFor();
  await expectAccessible(page);
  await page.getByLabel('Columns: values').fill('1, 3');
  await page.getByRole('button', { name: 'Make 4 pictures' }).click();
  await page.getByTestId('picture').getByText('· sheet ·').waitFor(SLOW);
  const size = await page
    .getByTestId('picture')
    .locator('img')
    .evaluate((image) => ({
      width: Number(image.getAttribute('width')),
      height: Number(image.getAttribute('height')),
    }));
  expect(Math.min(size.width, size.height)).toBeGreaterThan(2 * SIDE);
  expect((await pixels(page)).length).toBe(3 * size.width * size.height);
  await page.getByRole('button', { name: 'Copy as' }).click();
  expect(await copied(page, 'Command line')).toContain("--sweep 'cfg=1,3' --sweep 'temperature=0.8,1' ");
  await page.getByRole('button', { name: 'Close' }).click();
  expect(problems).toEqual([]);
});

test('settings are kept under a name', async () => {
  const { page, problems } = watched;
  await page.getByLabel('Name of a new preset').fill('small');
  await page.getByRole('button', { name: 'Save preset' }).click();
  await field(page, 'Width', 128);
  await page.reload();
  await page.getByRole('button', { name: 'All settings' }).click();
  await page.getByRole('button', { name: 'small', exact: true }).click();
  expect(await page.getByLabel('Width', { exact: true }).inputValue()).toBe(String(SIDE));
  await page.getByRole('button', { name: 'Delete preset small' }).click();
  expect(await page.getByRole('button', { name: 'small', exact: true }).count()).toBe(0);
  expect(problems).toEqual([]);
});

test('an export of everything comes back in another browser, and other archives of pictures come in too', async () => {
  const { page, problems } = watched;
  const strip = page.getByTestId('strip');
  await strip.getByRole('button', { name: PROMPT }).last().click();
  await page.getByRole('button', { name: 'Favourite', exact: true }).click();
  const saving = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Export everything' }).click();
  const archive = await (await saving).path();

  const visitor = await host.open();
  const archives = visitor.page.locator('input[type=file][aria-label="Import an export"]');
  await archives.setInputFiles({ name: 'all.zip', mimeType: 'application/zip', buffer: readFileSync(archive) });
  await visitor.page.getByTestId('notice').getByText('3 pictures imported').waitFor();
  const exported = await titles(page);
  await expect.poll(() => titles(visitor.page)).toEqual(exported);
  await visitor.page.getByRole('button', { name: 'Favourites only' }).click();
  await expect.poll(() => titles(visitor.page)).toEqual([PROMPT]);
  await visitor.page.getByRole('button', { name: 'Favourites only' }).click();
  await visitor.page.getByTestId('strip').getByRole('button', { name: PROMPT }).last().click();
  expect(difference(await shown(visitor.page, PROMPT, SEED), made).count).toBe(0);

  // noise that deflating makes no smaller, in one file that is inflated again
  const data = Uint8Array.from({ length: 384 * 384 * 3 }, (_, i) => (Math.imul(i, 2654435761) >>> 13) & 255);
  const noise = encode({ width: 384, height: 384, data, channels: 3 });
  const other = zipSync({ 'from/elsewhere.png': [noise, { level: 9 }], 'read.me': new Uint8Array(10) });
  await archives.setInputFiles({ name: 'other.zip', mimeType: 'application/zip', buffer: Buffer.from(other) });
  await visitor.page.getByTestId('notice').getByText('1 picture imported').waitFor();
  await archives.setInputFiles({ name: 'none.zip', mimeType: 'application/zip', buffer: Buffer.from('none') });
  await visitor.page.getByTestId('notice').getByText('This file is no ZIP archive that can be read').waitFor();
  expect(visitor.problems).toEqual([]);
  await visitor.close();
  expect(problems).toEqual([]);
});
