/** The embedded model still knows its world: every eighth prompt and question of the score. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { nearestGlyph, readGlyphs } from '../../bench/glyphs.ts';
import { type PromptCase, scoreAnswers, scoreEdits, scorePictures } from '../../bench/score_tasks.ts';
import { openHarmon } from '../../node/model.ts';
import type { Harmon } from '../../src/harmon/index.ts';
import { goldenPath, readJson } from '../support/golden.ts';

let model: Harmon;
beforeAll(async () => {
  model = await openHarmon();
});
afterAll(() => model.destroy());

test('pictures show what their prompts say', { timeout: 300_000 }, async () => {
  const { right, of, wrong } = await scorePictures(model, goldenPath(''), { every: 8 });
  expect(wrong).toEqual([]);
  expect([right, of]).toEqual([22, 22]);
});

test('24 prompts in batches of 8 give the same pictures as one at a time', { timeout: 300_000 }, async () => {
  const glyphs = await readGlyphs(goldenPath(''));
  const cases = (readJson(goldenPath('prompts.json')) as PromptCase[]).slice(0, 24);
  const how = { iterations: 16, guidance: 3 };
  const pictures = await model.generate({ ...how, prompt: cases.map(({ prompt }) => prompt), seed: 0, batchSize: 8 });
  const [wrong, differ]: string[][] = [[], []];
  for (const [seed, { prompt, expect: due }] of cases.entries()) {
    for (const { object, ...place } of due)
      if (nearestGlyph(glyphs, pictures[seed], place) !== object) wrong.push(`"${prompt}": no ${object}`);
    if (seed % 4 !== 3) continue; // one or two of each batch
    const [alone] = await model.generate({ ...how, prompt, seed });
    if (Buffer.compare(alone.data, pictures[seed].data) !== 0) differ.push(prompt);
  }
  expect([wrong, differ]).toEqual([[], []]);
});

test('edits make the new object and keep the other', { timeout: 300_000 }, async () => {
  const { made, kept } = await scoreEdits(model, goldenPath(''), { every: 4 });
  expect([...made.wrong, ...kept.wrong]).toEqual([]);
  expect([made.right, made.of, kept.right, kept.of]).toEqual([6, 6, 6, 6]);
});

test('answers are the truth letter for letter', { timeout: 120_000 }, async () => {
  const { right, of, wrong } = await scoreAnswers(model, goldenPath(''), { every: 8 });
  expect(wrong).toEqual([]);
  expect([right, of]).toEqual([12, 12]);
});

test.each(['q8', 'q4'] as const)(
  'and with its matrices in %s, in less memory',
  { timeout: 300_000 },
  async (quantise) => {
    const { bytes } = model.device;
    await scorePictures(model, goldenPath(''), { every: 200 });
    await scoreAnswers(model, goldenPath(''), { every: 100 });
    const whole = bytes.weights;
    const small = await openHarmon({ device: model.device, quantise });
    try {
      expect((await scorePictures(small, goldenPath(''), { every: 24 })).wrong).toEqual([]);
      expect((await scoreAnswers(small, goldenPath(''), { every: 24 })).wrong).toEqual([]);
      expect(bytes.weights).toBeGreaterThan(whole);
      // the VAE's convolutions and the diffusion head stay as they are
      expect(bytes.weights - whole).toBeLessThan(whole * (quantise === 'q8' ? 0.85 : 0.75));
    } finally {
      small.destroy();
    }
  },
);
