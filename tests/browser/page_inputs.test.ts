/** Ways into the page that are not the form: touch, pen, clipboard, files let fall on it, its own ZIP, links; and what it hands out. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { PAGE, type PageHost, hostPage } from '../support/built_page.ts';
import type { Watched } from '../support/chromium.ts';
import { SLOW, expectAccessible, field } from '../support/page_actions.ts';

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

let host: PageHost;
let watched: Watched;

beforeAll(async () => {
  host = await hostPage();
  watched = await host.open();
  const { page } = watched;
  await page.getByRole('button', { name: 'Models: harmon-tiny' }).waitFor(SLOW);
  await page.getByRole('button', { name: 'All settings' }).click();
  await field(page, 'Iterations', 1);
});
afterAll(() => host.close());
afterEach(() => expect(watched.problems).toEqual([]));

test('the kernels are timed in the page, and a result lies beside another', async () => {
  const { page } = watched;
  const built = readdirSync(join(PAGE, 'peers')).some((name) => name.endsWith('.wasm'));
  await page.getByRole('button', { name: 'Device' }).click();
  const panel = page.getByRole('region', { name: 'Kernels' });
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
