/** The scorer itself, on pictures whose truth is known. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { drawGlyphs, nearestGlyph, pictureAt, readGlyphs } from '../../../bench/glyphs.ts';
import { goldenPath } from '../../support/golden.ts';

const folder = goldenPath('');
const halves = { left: { x: 33, y: 64, size: 56 }, right: { x: 95, y: 64, size: 56 } };

it('reads the picture that the reference made', async () => {
  const glyphs = await readGlyphs(folder);
  expect(glyphs).toHaveLength(46);
  const sample = await pictureAt(goldenPath('sample.png'));
  expect(nearestGlyph(glyphs, sample, halves.left)).toBe('pig');
  expect(nearestGlyph(glyphs, sample, halves.right)).toBe('panda');
});

it('reads what it has drawn itself, and no more', async () => {
  const glyphs = await readGlyphs(folder);
  for (let i = 0; i < glyphs.length; i += 6) {
    const [[left], [right]] = [glyphs[i], glyphs[(i + 7) % glyphs.length]];
    const drawn = drawGlyphs(glyphs, [
      { object: left, ...halves.left },
      { object: right, ...halves.right },
    ]);
    expect([drawn.width, drawn.height]).toEqual([128, 128]);
    expect([halves.left, halves.right].map((place) => nearestGlyph(glyphs, drawn, place))).toEqual([left, right]);
    expect(new Set(drawn.data.subarray(0, 30 * 128 * 3))).toEqual(new Set([255]));
  }
});

it('reads scenes whose objects stand a little off their place', async () => {
  const glyphs = await readGlyphs(folder);
  const questions = JSON.parse(readFileSync(goldenPath('questions.json'), 'utf8')) as {
    image: string;
    truth: string;
  }[];
  let [right, of] = [0, 0];
  for (const { image, truth } of questions) {
    const pair = /^An? ([a-z ]+) on the left and an? ([a-z ]+) on the right\.$/.exec(truth);
    if (!pair) continue;
    const scene = await pictureAt(goldenPath(image));
    const seen = [halves.left, halves.right].map((place) => nearestGlyph(glyphs, scene, place));
    right += Number(seen[0] === pair[1]) + Number(seen[1] === pair[2]);
    of += 2;
  }
  expect(of).toBeGreaterThanOrEqual(12);
  expect(of - right).toBeLessThanOrEqual(1); // one panda is drawn ten pixels off
});
