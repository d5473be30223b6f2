/** The page that runs op cases and recordings: built from tests/browser/page, served beside the model and the recordings. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { openBrowser, openPage } from './chromium.ts';
import type { PageHarness } from './page_harness.ts';
import { serve } from './static_server.ts';

const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));

export interface OpenHarness {
  readonly description: string;
  /** Calls a function of the page's harness. */
  call<Name extends keyof PageHarness>(
    name: Name,
    ...args: Parameters<PageHarness[Name]>
  ): Promise<Awaited<ReturnType<PageHarness[Name]>>>;
  /** Gives everything back. Throws what must not have happened in the page. */
  close(): Promise<void>;
}

/** Builds the page and opens it in a browser of its own, with a device. */
export async function openHarness(): Promise<OpenHarness> {
  const folder = mkdtempSync(join(tmpdir(), 'overtone-page-'));
  await build({
    configFile: false,
    root: path('tests/browser/page'),
    base: './',
    build: { outDir: folder, emptyOutDir: true, target: 'es2023' },
    logLevel: 'warn',
  });
  const server = await serve({
    '/page/': `${folder}/`,
    '/model/': path('models/harmon-tiny/'),
    '/golden/': path('tests/golden/data/'),
  });
  const browser = await openBrowser();
  const { page, problems } = await openPage(browser, server.origin);
  await page.goto(`${server.origin}/page/`);
  const call: OpenHarness['call'] = (name, ...args) =>
    page.evaluate(
      ([f, values]) =>
        (globalThis as unknown as { harness: Record<string, (...a: unknown[]) => never> }).harness[f](...values),
      [name, args] as [string, unknown[]],
    );
  return {
    description: await call('open'),
    call,
    close: async () => {
      try {
        await call('close');
      } finally {
        await browser.close();
        await server.close();
        rmSync(folder, { recursive: true, force: true });
      }
      if (problems.length > 0) throw new Error(problems.join('\n'));
    },
  };
}
