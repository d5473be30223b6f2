/**
 * `npm run screenshots`: the built page in Chromium, state by state, wide and narrow, light and dark, as out/screenshots/*.png to look at, and the
 * two of them that the README shows. The browser and the host are the tests' own.
 */
import { copyFileSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { runnerImport } from 'vite';
import { setUp } from './setup.mjs';
import { root, say } from './workspace.mjs';

const SIZES = { wide: { width: 1280, height: 800 }, narrow: { width: 390, height: 844 } };
const SLOW = { timeout: 240_000 };
const OUT = join(root, 'out/screenshots');
/** Screenshot → what the README calls it. */
const README = {
  'picture-wide-light': 'page-wide-light',
  'picture-narrow-dark': 'page-narrow-dark',
};

const unguard = await setUp('browser');
rmSync(OUT, { recursive: true, force: true });
mkdirSync(OUT, { recursive: true });
const { module: support } = await runnerImport(join(root, 'tests/support/built_page.ts'), { configFile: false });
const host = await support.hostPage();
try {
  const { page, problems } = await host.open({ viewport: SIZES.wide, reducedMotion: 'reduce' });
  page.setDefaultTimeout(60_000);
  await walk(page);
  for (const problem of problems) say(problem);
  process.exitCode = problems.length > 0 ? 1 : 0;
} finally {
  await host.close();
  unguard();
}
for (const [name, shown] of Object.entries(README))
  copyFileSync(join(OUT, `${name}.png`), join(root, 'docs', `${shown}.png`));
console.log('out/screenshots, and of these docs/page-wide-light.png and docs/page-narrow-dark.png');

/** Takes the page through its states. */
async function walk(page) {
  const button = (name) => page.getByRole('button', { name, exact: true });
  const field = async (name, value) => {
    await page.getByLabel(name, { exact: true }).fill(value);
    await page.keyboard.press('Tab');
  };
  const make = async (prompt, seed) => {
    await field('Prompt', prompt);
    await field('Seed', String(seed));
    await page.locator('.prompt-bar .primary').click();
  };
  const made = (prompt, seed) => page.getByTestId('picture').getByText(`${prompt} · seed ${seed} `).waitFor(SLOW);
  const iterations = async (number) => {
    await button('All settings').click();
    await field('Iterations', String(number));
    await button('All settings').click();
  };
  const picture = async (prompt, seed) => {
    await make(prompt, seed);
    await made(prompt, seed);
  };
  const thumb = (prompt) => page.getByTestId('strip').getByRole('button', { name: prompt }).first();
  const shoot = (state) => shootAll(page, state);

  await page.getByRole('button', { name: 'Models: harmon-tiny' }).waitFor(SLOW);
  await shoot('start');

  await button('All settings').click();
  await shoot('settings');
  await button('All settings').click();
  await iterations(32);
  await make('two strawberries', 3);
  await page.locator('.picture-canvas').waitFor(SLOW);
  await page.getByText(/Iteration 1\d /).waitFor(SLOW);
  await shoot('making');
  await make('a panda on the left and a burger on the right', 7);
  await make('three rockets', 1);
  await shoot('queue');
  await button('Cancel all').click();
  await page.locator('.picture-canvas').waitFor({ state: 'detached', ...SLOW });

  await iterations(8);
  for (const prompt of [
    'a dog on the left and a cat on the right',
    'three rockets',
    'a purple heart',
    'four strawberries',
  ])
    await picture(prompt, 7);
  await iterations(16);
  await picture('a fox above a pizza', 7);
  await shoot('picture');

  await button('Edit').click();
  await page.setViewportSize(SIZES.wide);
  const box = await page.getByTestId('mask').boundingBox();
  const at = (x, y) => [box.x + x * box.width, box.y + y * box.height];
  await page.mouse.move(...at(0.3, 0.7));
  await page.mouse.down();
  for (const point of [at(0.7, 0.7), at(0.7, 0.8), at(0.3, 0.8)]) await page.mouse.move(...point, { steps: 8 });
  await page.mouse.up();
  await field('Prompt', 'a fox above a burger');
  await shoot('edit');
  await button('Close the editor').click();
  await field('Prompt', 'a fox above a pizza');

  await button('Pin to compare').click();
  await thumb('three rockets').click();
  await button('Pin to compare').click();
  await button('Compare').click();
  await shoot('compare');
  await button('Side by side').click();
  await shoot('side-by-side');
  await button('Stop comparing').click();
  await thumb('a fox above a pizza').click();

  await page.locator('.modes').getByText('Ask').click();
  await shoot('ask-before');
  for (const [n, question] of ['What is in the image?', 'How many objects are there?'].entries()) {
    await page.getByLabel('Question', { exact: true }).fill(question);
    await page.keyboard.press('Enter');
    await page.locator('.answered:not(.streaming)').nth(n).waitFor(SLOW);
    await page.locator('.streaming').waitFor({ state: 'detached', ...SLOW });
  }
  await shoot('ask');
  await page.locator('.modes').getByText('Make').click();

  for (const name of [
    'Device',
    'Keys',
    'Use its settings',
    'Copy as',
    'Sheet over two settings',
    'Models: harmon-tiny',
  ]) {
    await button(name).click();
    await page.waitForTimeout(name === 'Device' ? 1500 : 200);
    await shoot(`dialog-${name.split(/[ :]/)[0].toLowerCase()}`);
    await page.locator('dialog').getByRole('button', { name: 'Close' }).click();
  }
}

/** One picture of the state for each size and colour scheme; leaves the page wide and light. */
async function shootAll(page, state) {
  for (const [size, viewport] of Object.entries(SIZES).reverse()) {
    await page.setViewportSize(viewport);
    for (const colorScheme of ['dark', 'light']) {
      await page.emulateMedia({ colorScheme });
      await page.screenshot({ path: join(OUT, `${state}-${size}-${colorScheme}.png`), animations: 'disabled' });
    }
  }
}
