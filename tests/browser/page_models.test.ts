/** The models panel: a download that is broken off, corrupted, without room or asked for by two tabs; check, repair, delete; files from disk. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { type PageHost, hostPage } from '../support/built_page.ts';
import type { Watched } from '../support/chromium.ts';
import { SLOW, expectAccessible } from '../support/page_actions.ts';

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const MODEL = fileURLToPath(new URL('../../models/harmon-tiny/', import.meta.url));
const CHUNKS = 11;

let host: PageHost;
let address: string;
let visitor: Watched;
beforeAll(async () => {
  host = await hostPage();
  address = `${host.server.origin}/models/harmon-tiny/`;
});
afterAll(() => host.close());
afterEach(async () => {
  host.server.intercept = undefined;
  expect(visitor.problems).toEqual([]);
  await visitor.close();
});

const ready = (page: Page) => page.getByRole('button', { name: 'Models: harmon-tiny' }).waitFor(SLOW);
const problem = (page: Page) => page.getByTestId('model-problem');
const list = (page: Page) => page.getByRole('region', { name: 'Downloaded models' }).getByRole('listitem');

async function visit(): Promise<Page> {
  visitor = await host.open();
  await ready(visitor.page);
  return visitor.page;
}

async function panel(page: Page): Promise<void> {
  await page.getByRole('button', { name: /^Models:/ }).click();
  await page.getByRole('heading', { name: 'Models' }).waitFor();
}

async function download(page: Page): Promise<void> {
  await panel(page);
  await page.getByRole('textbox', { name: 'From an address' }).fill(address);
  await page.getByRole('button', { name: 'Download and open' }).click();
}

/** Requests for pieces of the model since the log had `from` lines. */
const pieces = (from = 0) =>
  host.server.log.slice(from).filter((line) => line.includes('/models/') && line.includes('bytes='));
const isVae = (url = '') => url.endsWith('/models/harmon-tiny/kl16_tiny.ckpt');

/** Answers no request for the VAE until it is let go; `held` is done when three wait, which is all that are asked for at once. */
function hold(): { readonly held: Promise<void>; letGo(): void } {
  let letGo = () => undefined as void;
  const gone = new Promise<void>((resolve) => (letGo = resolve));
  let waiting = 0;
  const held = new Promise<void>((resolve) => {
    host.server.intercept = async ({ url }) => {
      if (!isVae(url)) return false;
      if (++waiting === 3) resolve();
      await gone;
      return false;
    };
  });
  return { held, letGo };
}

test('a download that a reload breaks off goes on with the pieces that are missing, and asks for nothing else', async () => {
  const page = await visit();
  const before = host.server.log.length;
  const { held, letGo } = hold();
  await download(page);
  await held; // each line of work keeps a piece before it asks for the next
  await page.getByText(/^Loading the model, .* of 29\.9 MB$/).waitFor();
  await expectAccessible(page);
  const first = pieces(before);
  await page.reload();
  host.server.intercept = undefined;
  letGo();
  await ready(page);
  const middle = host.server.log.length;
  await panel(page);
  await list(page)
    .getByText(/^1[23]\.\d MB of 29\.9 MB/)
    .waitFor(SLOW);
  await list(page).getByRole('button', { name: 'Open harmon-tiny' }).click();
  await ready(page);
  const again = pieces(middle);
  const whole = first.filter((line) => !isVae(line.split(' ')[1]));
  expect(new Set([...whole, ...again]).size).toBe(CHUNKS);
  expect(again.length).toBe(CHUNKS - whole.length);
  expect(host.server.log.filter((line) => !/^GET \/(overtone|models\/harmon-tiny)\//.test(line))).toEqual([]);
});

test('a piece with other bytes is refused in one sentence; when the host has mended it, only that is fetched', async () => {
  const page = await visit();
  const start = host.server.log.length;
  let asked: () => void = () => undefined;
  const all = new Promise<void>((resolve) => (asked = resolve));
  host.server.intercept = async ({ url, headers }, response) => {
    if (new Set(pieces(start)).size === CHUNKS) asked();
    if (!isVae(url) || !headers.range?.startsWith('bytes=0-')) return false;
    await all; // only the last ones can be on their way when it is refused
    const body = readFileSync(join(MODEL, 'kl16_tiny.ckpt')).subarray(0, 4 * 1024 * 1024);
    body[77] ^= 1;
    response.writeHead(206, { 'content-range': `bytes 0-${body.length - 1}/16938443` }).end(body);
    return true;
  };
  await download(page);
  await problem(page).getByText('This file cannot be used').waitFor(SLOW);
  expect(await problem(page).textContent()).toMatch(/kl16_tiny.ckpt: must have the bytes .* has others, three times/);
  await expectAccessible(page);
  host.server.intercept = undefined;
  const before = host.server.log.length;
  await problem(page).getByRole('button', { name: 'Try again' }).click();
  await ready(page);
  expect(pieces(before)).toContain('GET /models/harmon-tiny/kl16_tiny.ckpt bytes=0-4194303');
  expect(pieces(before).length).toBeLessThanOrEqual(3); // as many as are asked for at once
});

test('without room the page says how much is needed, and fetches nothing', async () => {
  const page = await visit();
  const session = await visitor.context.newCDPSession(page);
  const { origin } = host.server;
  await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 1_000_000 });
  const before = host.server.log.length;
  await download(page);
  await problem(page).getByText('The browser’s storage is full').waitFor(SLOW);
  expect(await problem(page).textContent()).toMatch(/room for 0\.03 GB of the model but is full: delete another/);
  expect(pieces(before)).toEqual([]);
  await session.send('Storage.overrideQuotaForOrigin', { origin });
  await problem(page).getByRole('button', { name: 'Try again' }).click();
  await ready(page);
  expect(pieces(before).length).toBe(CHUNKS);
});

test('two tabs fetch a model once', async () => {
  const page = await visit();
  const other = await visitor.context.newPage();
  await other.goto(host.url);
  await ready(other);
  const before = host.server.log.length;
  const { held, letGo } = hold();
  await download(page);
  await held;
  await download(other);
  await other.getByText(/^Another tab is loading the model/).waitFor(SLOW);
  letGo();
  await Promise.all([ready(page), ready(other)]);
  expect(pieces(before).length).toBe(CHUNKS);
});

test('a model is checked, repaired and deleted, but not while it is in use', async () => {
  const page = await visit();
  await download(page);
  await ready(page);
  await panel(page);
  const button = (name: string) => list(page).getByRole('button', { name: `${name} harmon-tiny` });
  await button('Delete').click();
  await page
    .getByTestId('notice')
    .getByText(/must be free to be deleted but is in use/)
    .waitFor(SLOW);
  await page.getByRole('region', { name: 'Embedded model' }).getByRole('button', { name: 'Open' }).click();
  await ready(page);
  await panel(page);
  await expectAccessible(page);
  await button('Check').click();
  await list(page).getByText(`All ${CHUNKS} pieces are as they must be.`).waitFor(SLOW);

  await page.evaluate(`(async () => {
    const home = await (await navigator.storage.getDirectory()).getDirectoryHandle('overtone-models');
    const [folder] = await Array.fromAsync(home.values());
    const file = await folder.getFileHandle('data-kl16_tiny.ckpt');
    const writable = await file.createWritable({ keepExistingData: true });
    await writable.write({ type: 'write', position: 5000000, data: new Uint8Array([1, 2, 3]) });
    await writable.close();
  })()`);
  await button('Check').click();
  await list(page).getByText(`1 of ${CHUNKS} pieces are damaged: repair it.`).waitFor(SLOW);
  const before = host.server.log.length;
  await button('Repair').click();
  await list(page).getByText('All of it is here.').waitFor(SLOW);
  expect(pieces(before)).toEqual(['GET /models/harmon-tiny/kl16_tiny.ckpt bytes=4194304-8388607']);
  await button('Delete').click();
  await page.getByText('None. A download goes on where it stopped').waitFor(SLOW);
});

test('files from disk open without a copy; what is no model is refused in one sentence', async () => {
  const page = await visit();
  await panel(page);
  const before = host.server.log.length;
  const chosen = ['harmon_tiny.pth', 'kl16_tiny.ckpt', 'tokenizer.json', 'config.json'].map((name) => MODEL + name);
  const choose = () => page.locator('input[type=file][aria-label="Choose model files"]');
  await choose().setInputFiles(chosen);
  await ready(page);
  expect(host.server.log.slice(before).filter((line) => !line.includes('/overtone/'))).toEqual([]);
  await panel(page);
  await choose().setInputFiles({ name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('no model') });
  await problem(page).getByText('This file cannot be used').waitFor(SLOW);
  expect(await problem(page).textContent()).toMatch(/the chosen files/i);
  await problem(page).getByRole('button', { name: 'Choose another model' }).click();
  await page.getByRole('heading', { name: 'Models' }).waitFor();
});
