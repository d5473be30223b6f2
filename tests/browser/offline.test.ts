/** The page as an application: its policy, its manifest, and its service worker, which keeps whole versions and nothing twice. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PAGE, type PageHost, hostPage } from '../support/built_page.ts';
import type { Watched } from '../support/chromium.ts';
import { SLOW, field, make, shown } from '../support/page_actions.ts';

let host: PageHost;
let folder: string;
beforeAll(async () => {
  folder = `${mkdtempSync(join(tmpdir(), 'overtone-offline-'))}/`;
  cpSync(PAGE, folder, { recursive: true });
  host = await hostPage(folder);
});
afterAll(async () => {
  await host.close();
  rmSync(folder, { recursive: true, force: true });
});

const controlled = ({ page }: Watched) =>
  page.waitForFunction(
    () =>
      (globalThis as unknown as { navigator: { serviceWorker: { controller: unknown } } }).navigator.serviceWorker
        .controller,
  );
const caches = ({ page }: Watched): Promise<string[]> => page.evaluate('caches.keys()');

test('a page of another origin may not frame it, and nothing inline or evaluated runs', async () => {
  const watched = await host.open();
  const { page, problems } = watched;
  const policy = await page.locator('meta[http-equiv="Content-Security-Policy"]').getAttribute('content');
  expect(policy).not.toMatch(/unsafe|\*/);
  expect(policy).toContain("connect-src 'self' https:");
  const html = await page.evaluate('document.documentElement.outerHTML');
  expect(String(html)).not.toMatch(/<script(?![^>]*\bsrc=)|\son\w+=|<style|\sstyle=/);
  const refused = (code: string) =>
    page.evaluate(`(() => { try { ${code}; return 'done' } catch (error) { return error.name } })()`);
  expect(await refused("document.body.innerHTML = '<b>x</b>'")).toBe('TypeError');
  expect(await refused("new Worker('https://example.com/x.js')")).toBe('TypeError');
  expect(await refused("trustedTypes.createPolicy('other', {})")).toBe('TypeError');
  expect(problems.length).toBeGreaterThan(0); // each refusal is on the console
  watched.allow(/requires 'Trusted|trusted-types|TrustedTypePolicy/);
  const inline =
    "const s = document.createElement('script'); s.textContent = 'globalThis.ran = 1'; document.body.append(s)";
  expect(await refused(inline)).toBe('TypeError');
  expect(await page.evaluate('globalThis.ran')).toBeUndefined();
  expect(problems).toEqual([]);
  await watched.close();

  const frame = await host.browser.newPage();
  await frame.setContent(`<iframe src="${host.url}"></iframe>`);
  await expect.poll(() => frame.frames()[1]?.url()).toMatch(/chrome-error/);
  await frame.close();
});

test('its manifest is one that browsers install from', async () => {
  const watched = await host.open();
  const session = await watched.context.newCDPSession(watched.page);
  const { errors, data } = (await session.send('Page.getAppManifest')) as { errors: unknown[]; data: string };
  expect(errors).toEqual([]);
  expect((JSON.parse(data) as { icons: unknown[] }).icons.length).toBe(4);
  await controlled(watched);
  const { installabilityErrors } = await session.send('Page.getInstallabilityErrors');
  expect(installabilityErrors.filter(({ errorId }) => errorId !== 'in-incognito')).toEqual([]); // a test's context counts as one
  expect(watched.problems).toEqual([]);
  await watched.close();
});

test('once loaded it starts without its host, at its address and with a query', async () => {
  const watched = await host.open();
  await controlled(watched);
  await watched.context.setOffline(true);
  host.server.intercept = (_, response) => !!response.destroy();
  for (const address of [host.url, `${host.url}?a=b#c`]) {
    await watched.page.goto(address);
    await watched.page.locator('h1, main').first().waitFor();
  }
  host.server.intercept = undefined;
  watched.allow(/net::ERR_|fetching the script/); // the look for a new version
  expect(watched.problems).toEqual([]);
  await watched.close();
});

test('a whole picture is made without a network', { timeout: 240_000 }, async () => {
  const watched = await host.open();
  const { page } = watched;
  await page.getByRole('button', { name: 'Models: harmon-tiny' }).waitFor(SLOW);
  await controlled(watched);
  const kept = () =>
    page.evaluate<number>(`(async () => {
      const name = (await caches.keys()).find((each) => each.startsWith('overtone model'));
      return name ? (await (await caches.open(name)).keys()).length : 0;
    })()`);
  await expect.poll(kept, SLOW).toBe(5);
  await watched.context.setOffline(true);
  host.server.intercept = (_, response) => !!response.destroy();
  await page.reload();
  await page.getByRole('button', { name: 'Models: harmon-tiny' }).waitFor(SLOW);
  await page.getByRole('button', { name: 'All settings' }).click();
  await field(page, 'Iterations', 1);
  await make(page, 'a dog', 3);
  expect((await shown(page, 'a dog', 3)).length).toBe(128 * 128 * 3);
  host.server.intercept = undefined;
  watched.allow(/net::ERR_|fetching the script/); // the look for a new version
  expect(watched.problems).toEqual([]);
  await watched.close();
});

test('a new version is installed beside the old one and takes over whole at a start', async () => {
  const watched = await host.open();
  const { page } = watched;
  await controlled(watched);
  const [old] = (await caches(watched)).filter((name) => name.startsWith('overtone page'));
  const edit = (name: string, from: string | RegExp, to: string) =>
    writeFileSync(folder + name, readFileSync(folder + name, 'utf8').replace(from, to));
  edit('index.html', '</head>', '<meta name="next" /></head>');
  edit('service_worker.js', old.split(' ').at(-1)!, 'next');
  await page.reload();
  const isNext = () => page.locator('meta[name=next]').count();
  expect(await isNext()).toBe(0);
  await expect
    .poll(() => page.evaluate('navigator.serviceWorker.getRegistration().then((r) => !!r.waiting)'), {
      timeout: 10_000,
    })
    .toBe(true);
  await page.reload();
  await expect.poll(isNext, { timeout: 20_000 }).toBe(1);
  await expect.poll(() => caches(watched)).not.toContain(old);
  expect(watched.problems).toEqual([]);
  await watched.close();
});
