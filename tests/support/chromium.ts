/**
 * Debian's Chromium, headless, with WebGPU on SwiftShader. A watched page remembers everything that a page of ours must never do: a request to
 * another origin, an error on the console (what a content security policy refuses is one), an exception nobody caught, a crash.
 */
import { type Browser, type BrowserContext, type BrowserContextOptions, type Page, chromium } from 'playwright-core';
import { chromiumPath } from '../../scripts/drivers.mjs';

const FLAGS = [
  '--headless=new',
  '--no-sandbox',
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  // nothing of the browser's own may reach for the network
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Starts a browser with a profile of its own. `flags` come last. */
export const openBrowser = (flags: readonly string[] = []): Promise<Browser> =>
  chromium.launch({ executablePath: chromiumPath(), args: [...FLAGS, ...flags] });

export interface Watched {
  readonly context: BrowserContext;
  readonly page: Page;
  /** One line for each thing that must not happen. */
  readonly problems: string[];
  /** Takes lines that match out of the problems, now and later: what a test provokes. */
  allow(expected: RegExp): void;
  close(): Promise<void>;
}

/** Opens a page of `origin` in a context of its own: storage and caches are empty. */
export async function openPage(
  browser: Browser,
  origin: string,
  options: BrowserContextOptions = {},
): Promise<Watched> {
  const context = await browser.newContext(options);
  const problems: string[] = [];
  const allowed: RegExp[] = [];
  const add = (line: string) => {
    if (!allowed.some((expected) => expected.test(line))) problems.push(line);
  };
  context.on('request', (request) => {
    const url = new URL(request.url());
    if (url.origin !== origin && !['blob:', 'data:'].includes(url.protocol)) add(`request to ${request.url()}`);
  });
  context.on('console', (message) => {
    if (message.type() === 'error') add(`console error: ${message.text()} (${message.location().url})`);
  });
  context.on('weberror', (error) => add(`uncaught: ${String(error.error())}`));
  const page = await context.newPage();
  page.on('crash', () => add('the page crashed'));
  return {
    context,
    page,
    problems,
    allow(expected) {
      allowed.push(expected);
      problems.splice(0, problems.length, ...problems.filter((line) => !expected.test(line)));
    },
    close: () => context.close(),
  };
}
