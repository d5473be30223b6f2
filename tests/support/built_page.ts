/** The built page (dist/page) on a static host, under a sub-path as many hosts have it, in a browser. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Browser, BrowserContextOptions } from 'playwright-core';
import { type Watched, openBrowser, openPage } from './chromium.ts';
import { type StaticServer, serve } from './static_server.ts';

export const PAGE = fileURLToPath(new URL('../../dist/page/', import.meta.url));

export interface PageHost {
  readonly browser: Browser;
  readonly server: StaticServer;
  readonly url: string;
  /** Opens the page in a context of its own: a visitor who was never here. */
  open(options?: BrowserContextOptions): Promise<Watched>;
  close(): Promise<void>;
}

/** Serves `folder` and starts a browser for it. */
export async function hostPage(folder = PAGE, flags: readonly string[] = []): Promise<PageHost> {
  if (!existsSync(`${folder}index.html`)) throw new Error(`${folder} must hold the built page: run npm run page:build`);
  const server = await serve({
    '/overtone/': folder,
    '/models/': fileURLToPath(new URL('../../models/', import.meta.url)),
    '/golden/': fileURLToPath(new URL('../golden/data/', import.meta.url)),
  });
  const browser = await openBrowser(flags);
  const url = `${server.origin}/overtone/`;
  return {
    browser,
    server,
    url,
    async open(options) {
      const watched = await openPage(browser, server.origin, options);
      await watched.page.goto(url);
      return watched;
    },
    async close() {
      await browser.close();
      await server.close();
    },
  };
}
