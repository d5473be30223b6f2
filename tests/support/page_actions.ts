/** What the tests do with the page, as a person does it: by the names of its fields and buttons. */
import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from 'playwright-core';
import { expect } from 'vitest';

/** For what SwiftShader computes. */
export const SLOW = { timeout: 200_000 };

/** What axe-core has to say of the page as it is. */
export async function expectAccessible(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)).toEqual([]);
}

export async function field(page: Page, label: string, value: string | number): Promise<void> {
  const input = page.getByLabel(label, { exact: true });
  await input.fill(String(value));
  await input.press('Tab');
}

/** Fills in the form and starts; `button` is what the button says. */
export async function make(
  page: Page,
  prompt: string,
  seed: number,
  button: string | RegExp = /^Make$/,
): Promise<void> {
  await page.getByLabel('Prompt', { exact: true }).fill(prompt);
  await field(page, 'Seed', seed);
  await page.getByRole('button', { name: button, exact: true }).last().click();
}

/** The address of the picture in the centre, which no other picture has. */
export const source = (page: Page): Promise<string | null> =>
  page.getByTestId('picture').locator('img').getAttribute('src');

/** RGB of the picture in the centre, once it is the one that was asked for, and another than the one at `before`. */
export async function shown(page: Page, prompt: string, seed: number, before?: string | null): Promise<Uint8Array> {
  await page.getByTestId('picture').getByText(`${prompt} · seed ${seed} `).waitFor(SLOW);
  await page.locator(`[data-testid=picture] img[src]:not([src='${before}'])`).waitFor(SLOW);
  return pixels(page);
}

/** RGB of the picture in the centre, once it is there. */
export async function pixels(page: Page): Promise<Uint8Array> {
  await page.locator('[data-testid=picture] img[src]').waitFor(SLOW);
  const bytes = (await page.evaluate(`(async () => {
    const image = document.querySelector('[data-testid=picture] img');
    for (;;) {
      const source = image.src;
      try {
        await image.decode();
        break;
      } catch (error) {
        if (image.src === source) throw error; // a change of the address ends a decode as damage does
      }
    }
    const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
    const context = canvas.getContext('2d');
    context.drawImage(image, 0, 0);
    return [...context.getImageData(0, 0, canvas.width, canvas.height).data].filter((_, i) => i % 4 < 3);
  })()`)) as number[];
  return Uint8Array.from(bytes);
}

/** Largest difference of two bytes, and how many differ at all. */
export function difference(a: Uint8Array, b: Uint8Array): { most: number; count: number } {
  expect(a.length).toBe(b.length);
  const apart = Array.from(a, (byte, i) => Math.abs(byte - b[i]));
  return { most: Math.max(...apart), count: apart.filter((d) => d > 0).length };
}
