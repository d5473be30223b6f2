/** The two examples on the library as it is built, without a bundler and bundled by Vite: each makes a picture and says what is on it. */
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { build } from 'vite';
import { openBrowser, openPage } from '../support/chromium.ts';
import { type StaticServer, serve } from '../support/static_server.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
let browser: Browser;
let folder: string;
let host: StaticServer;

/** The Vite example as it is after `npm install`, built. */
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'overtone-examples-'));
  cpSync(join(ROOT, 'examples/vite'), folder, { recursive: true, filter: (path) => !path.includes('node_modules') });
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(ROOT, join(folder, 'node_modules/overtone-gpu'));
  symlinkSync(join(ROOT, 'node_modules/vite'), join(folder, 'node_modules/vite'));
  await build({ root: folder, logLevel: 'error' });
  host = await serve({ '/plain/': ROOT, '/vite/': join(folder, 'dist') });
  browser = await openBrowser();
});
afterAll(async () => {
  await browser?.close();
  await host?.close();
  rmSync(folder, { recursive: true, force: true });
});

test.each(['plain/examples/plain/index.html', 'vite/index.html'])('%s', { timeout: 180_000 }, async (path) => {
  const { page, problems, allow, close } = await openPage(browser, host.origin);
  allow(/favicon/);
  await page.goto(`${host.origin}/${path}?iterations=2`);
  await page.getByRole('button').click();
  await page.waitForFunction(`document.title === 'Done'`, null, { timeout: 170_000 });
  expect(await page.getByRole('status').textContent()).toMatch(/^A .*\.$/);
  expect(problems).toEqual([]);
  await close();
});
