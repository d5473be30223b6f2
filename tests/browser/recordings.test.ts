/** Parity with the reference in a page of Chromium: a picture with guidance, one without, an edit, an answer, the VAE. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type OpenHarness, openHarness } from '../support/harness.ts';

let page: OpenHarness;
let worst = { name: 'nothing compared', error: 0 };
beforeAll(async () => {
  page = await openHarness();
});
afterAll(async () => {
  console.log(`worst error on ${page.description} in Chromium: ${worst.error.toExponential(1)} (${worst.name})`);
  await page.close();
});

test.each(['vae', 'text2image', 'text2image_plain', 'edit_left', 'image2text'])(
  '%s',
  async (name) => {
    const results = await page.call('compare', name);
    expect(results.length).toBeGreaterThan(0);
    for (const { name: tensor, error, psnr } of results) {
      if (error > worst.error) worst = { name: `${name} ${tensor}`, error };
      expect(error, `${name} ${tensor}`).toBeLessThan(1e-4);
      if (psnr !== undefined) expect(psnr, `${name} ${tensor}`).toBeGreaterThanOrEqual(50);
    }
  },
  120_000,
);
