/** The embedded model still knows its world: every eighth prompt and question of the score. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { scoreAnswers, scoreEdits, scorePictures } from '../../bench/score_tasks.ts';
import { openHarmon } from '../../node/model.ts';
import type { Harmon } from '../../src/harmon/index.ts';
import { goldenPath } from '../support/golden.ts';

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
