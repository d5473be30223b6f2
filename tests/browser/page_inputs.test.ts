/** Ways into the page that are not the form: touch, pen, clipboard, files let fall on it, its own ZIP, links; and what it hands out. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encode } from 'fast-png';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { PAGE, type PageHost, hostPage } from '../support/built_page.ts';
import type { Watched } from '../support/chromium.ts';
import { SLOW, expectAccessible, field, pixels } from '../support/page_actions.ts';

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

let host: PageHost;
let watched: Watched;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'overtone-inputs-'));
  host = await hostPage();
  watched = await host.open();
  const { page } = watched;
  await page.getByRole('button', { name: 'Models: harmon-tiny' }).waitFor(SLOW);
  await page.getByRole('button', { name: 'All settings' }).click();
  await field(page, 'Iterations', 1);
});
afterAll(async () => {
  await host.close();
  rmSync(folder, { recursive: true });
});
afterEach(() => expect(watched.problems).toEqual([]));

test('the kernels are timed in the page, and a result lies beside another', async () => {
  const { page } = watched;
  const built = readdirSync(join(PAGE, 'peers')).some((name) => name.endsWith('.wasm'));
  await page.getByRole('button', { name: 'Device' }).click();
  const panel = page.getByRole('region', { name: 'Kernels' });
  await panel.waitFor();
  const others = panel.getByRole('checkbox', { name: /onnxruntime-web, tfjs and jax-js/ });
  expect(await others.count()).toBe(built ? 1 : 0);
  expect(await panel.getByText('are not part of this build').count()).toBe(built ? 0 : 1);
  await panel.getByRole('button', { name: 'Run the benchmark' }).click();
  await panel.locator('tbody tr').first().waitFor(SLOW);
  await panel.getByRole('button', { name: 'Stop' }).click();
  const text = await panel.getByRole('region', { name: 'Result' }).locator('pre').textContent();
  const { adapter, rows } = JSON.parse(text!) as { adapter: string; rows: { ms: number; call: number }[] };
  expect(rows.every(({ ms, call }) => ms > 0 && call > 0)).toBe(true);
  await panel.getByLabel('Another’s result, to lay beside it').fill(text!);
  await panel.getByRole('columnheader', { name: `Faster than ${adapter}` }).waitFor();
  expect(await panel.locator('tbody tr').first().locator('td').last().textContent()).toBe('1.00×');
  await expectAccessible(page);
  await panel.getByLabel('Another’s result, to lay beside it').fill('something else');
  await panel.getByRole('alert').getByText('This is no result of the kernels’ benchmark').waitFor();
  await page.getByRole('button', { name: 'Close' }).click();
});

/** A PNG of one colour, but for a black corner. */
const png = (width: number, height: number, colour: readonly number[]): Buffer => {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) data.set(i % width < 4 && i < 4 * width ? [0, 0, 0] : colour, 3 * i);
  return Buffer.from(encode({ width, height, data, channels: 3 }));
};
const titles = (page: Page) =>
  page
    .getByTestId('strip')
    .getByRole('button')
    .evaluateAll((all) => all.map((each) => each.getAttribute('aria-label')));

test('a file let fall on the page and a picture of the clipboard come into the history', async () => {
  const { page, context } = watched;
  const file = join(folder, 'green.png');
  writeFileSync(file, png(64, 64, [0, 160, 60]));
  const session = await context.newCDPSession(page);
  const data = { items: [], files: [file], dragOperationsMask: 1 };
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const)
    await session.send('Input.dispatchDragEvent', { type, x: 400, y: 300, data });
  await page.getByTestId('strip').getByRole('button', { name: 'green.png' }).waitFor();
  expect(await page.locator('html.dropping').count()).toBe(0);

  await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: host.server.origin });
  await page.evaluate(`(async () => {
    const bytes = Uint8Array.from(atob('${png(32, 48, [200, 30, 30]).toString('base64')}'), (c) => c.charCodeAt(0));
    await navigator.clipboard.write([new ClipboardItem({ 'image/png': new Blob([bytes], { type: 'image/png' }) })]);
  })()`);
  await page.getByRole('heading', { name: 'Overtone' }).click();
  await page.keyboard.press('Control+V');
  await page.getByTestId('picture').getByText('32×48').waitFor();
  expect(await titles(page)).toHaveLength(2);
});

test('touch and pen draw on the mask, two fingers zoom, and a picture of another size has a mask of its own', async () => {
  const { page, context } = watched;
  const session = await context.newCDPSession(page);
  await page.getByTestId('strip').getByRole('button', { name: 'green.png' }).click();
  await page.getByRole('button', { name: 'Edit', exact: true }).click();
  const box = (await page.getByTestId('mask').boundingBox())!;
  const at = (x: number, y: number, id = 0) => ({ x: box.x + x * box.width, y: box.y + y * box.height, id });
  const touch = (type: 'touchStart' | 'touchMove' | 'touchEnd', ...touchPoints: ReturnType<typeof at>[]) =>
    session.send('Input.dispatchTouchEvent', { type, touchPoints });
  const marked = () =>
    page.evaluate(`(() => {
      const { width, height } = document.querySelector('[data-testid=mask] canvas');
      const { data } = document.querySelector('[data-testid=mask] canvas').getContext('2d').getImageData(0, 0, width, height);
      return data.filter((byte, i) => i % 4 === 3 && byte > 0).length;
    })()`) as Promise<number>;
  await touch('touchStart', at(0.2, 0.5));
  await touch('touchMove', at(0.5, 0.5));
  await touch('touchMove', at(0.8, 0.5));
  await touch('touchEnd');
  await expect.poll(marked).toBeGreaterThan(300);
  const byFinger = await marked();

  await touch('touchStart', at(0.45, 0.5, 0), at(0.55, 0.5, 1));
  for (const by of [0.1, 0.15, 0.2]) await touch('touchMove', at(0.5 - by, 0.5, 0), at(0.5 + by, 0.5, 1));
  await touch('touchEnd');
  const zoom = () => page.evaluate("new DOMMatrix(getComputedStyle(document.querySelector('.mask-view')).transform).a");
  await expect.poll(zoom).toBeCloseTo(4, 0);
  expect(await marked()).toBe(byFinger);

  const pen = { ...at(0.5, 0.2), pointerType: 'pen', button: 'left', force: 0.5 } as const;
  await session.send('Input.dispatchMouseEvent', { type: 'mousePressed', buttons: 1, clickCount: 1, ...pen });
  await session.send('Input.dispatchMouseEvent', { type: 'mouseReleased', buttons: 0, clickCount: 1, ...pen });
  await expect.poll(marked).toBeGreaterThan(byFinger);
  await page.keyboard.press('Control+z');
  await expect.poll(marked).toBe(byFinger);
  await page.keyboard.press('Control+Shift+z');
  await expect.poll(marked).toBeGreaterThan(byFinger);

  await page.getByTestId('strip').getByRole('button').first().click();
  await expect.poll(marked).toBe(0);
  await page.getByRole('button', { name: 'Close the editor' }).click();
});

test('a drawing is a picture to ask about', async () => {
  const { page } = watched;
  await page.getByRole('button', { name: 'Ask', exact: true }).first().click();
  await page.getByRole('button', { name: 'Draw a picture' }).click();
  const box = (await page.getByRole('img', { name: 'Drawing' }).boundingBox())!;
  await page.getByRole('radio', { name: 'blue' }).check({ force: true });
  await page.mouse.move(box.x + 50, box.y + 50);
  await page.mouse.down();
  await page.mouse.move(box.x + 150, box.y + 150, { steps: 4 });
  await page.mouse.up();
  await expectAccessible(page);
  await page.getByRole('button', { name: 'Use it' }).click();
  await page.getByTestId('picture').getByText('Drawing · 384×384').waitFor();
  const drawn = await pixels(page);
  const colour = (x: number, y: number) => {
    const [column, row] = [x, y].map((at) => Math.floor((at * 384) / box.width));
    return [...drawn.subarray(3 * (384 * row + column)).subarray(0, 3)];
  };
  expect([colour(100, 100), colour(300, 60)]).toEqual([
    [47, 111, 224],
    [255, 255, 255],
  ]);
  await page.getByRole('button', { name: 'Make', exact: true }).first().click();
});

test('two pinned pictures lie under a slider, by keys alone', async () => {
  const { page } = watched;
  await page.getByRole('heading', { name: 'Overtone' }).click(); // no field has the focus
  await page.keyboard.press('?');
  const keys = page.getByRole('heading', { name: 'Keys' });
  await keys.waitFor();
  await page.keyboard.press('Escape');
  await keys.waitFor({ state: 'detached' }); // keys do nothing behind a dialog
  const pinned = page.getByTestId('strip').locator('.pinned');
  const first = (await page.getByTestId('strip').getByRole('button').first().getAttribute('aria-label'))!;
  await page.getByTestId('strip').getByRole('button', { name: first }).click();
  await page.keyboard.press('p');
  await expect.poll(() => pinned.count()).toBe(1);
  await page.keyboard.press('ArrowRight');
  const current = () => page.getByTestId('strip').locator('[aria-current]').getAttribute('aria-label');
  await expect.poll(current).not.toBe(first);
  await page.keyboard.press('p');
  await expect.poll(() => pinned.count()).toBe(2);
  await page.keyboard.press('f');
  await page.keyboard.press('c');
  const slider = page.getByRole('slider', { name: 'Where the first picture ends and the second begins' });
  await slider.focus();
  await page.keyboard.press('End');
  await expectAccessible(page);
  const clip = await page.evaluate("getComputedStyle(document.querySelector('.slider-before')).clipPath");
  expect(clip).toMatch(/^inset\(0px( 0%)?( 0px)*\)$/); // all of the first picture
  await page.keyboard.press('Escape');
  await page.getByTestId('picture').waitFor();
  expect(await page.getByRole('button', { name: 'Favourite', exact: true }).getAttribute('aria-pressed')).toBe('true');
  const before = await titles(page);
  await page.keyboard.press('Delete');
  await expect.poll(() => titles(page)).toHaveLength(before.length - 1);
  await page.keyboard.press('Control+z');
  await expect.poll(() => titles(page)).toEqual(before);
});
