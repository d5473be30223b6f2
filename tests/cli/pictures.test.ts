/** Odd picture files through the model and the command line: what is seen in them does not depend on how they were packed. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { expect, it } from 'vitest';
import { decodePicture, openHarmon } from '../../node/index.ts';
import { readBytes, readJson } from '../support/golden.ts';
import { overtone, start } from './overtone.ts';

const corpus = new URL('../corpus/pictures/', import.meta.url);
const expected = readJson(new URL('expected.json', corpus)) as Record<string, { rgb_sha256?: string; answer?: string }>;
const ANSWER = 'A penguin on the left and a cake on the right.';

it('what the reference sees in the corpus is seen', { timeout: 120_000 }, async () => {
  // Of files that hold the same pixels one is enough: that they do, the unit tests show.
  const different = new Map(Object.entries(expected).map(([name, { rgb_sha256 }]) => [rgb_sha256, name]));
  const model = await openHarmon();
  let asked = 0;
  for (const name of different.values()) {
    const { answer } = expected[name];
    if (answer === undefined) continue;
    const picture = await decodePicture(readBytes(new URL(name, corpus)), name);
    let text = '';
    for await (const words of model.describe(picture, { question: 'Describe the image in detail.' })) text += words;
    expect(text, name).toBe(answer);
    asked++;
  }
  model.destroy();
  expect(asked).toBe(4);
});

it('a file is known by its content, not by its name', async () => {
  const image = fileURLToPath(new URL('jpeg_named.png', corpus));
  const { code, stdout } = await overtone(['image2text', '--image', image, '--no-progress']);
  expect([code, stdout]).toEqual([0, `${ANSWER}\n`]);
});

it('--read-as-reference drops the alpha that hides a picture', async () => {
  const hidden = await sharp(fileURLToPath(new URL('lossless.webp', corpus)))
    .ensureAlpha(0)
    .png()
    .toBuffer();
  const ask = async (...options: string[]) => {
    const run = start(['image2text', '--image', 'hidden.png', '--no-progress', ...options], {
      shell: 'while [ ! -s hidden.png ]; do sleep 0.05; done; exec "$@"',
    });
    writeFileSync(join(run.folder, 'hidden.png'), hidden);
    const { code, stdout } = await run.ended;
    expect(code).toBe(0);
    return stdout;
  };
  expect(await ask('--read-as-reference')).toBe(`${ANSWER}\n`);
  expect(await ask('--max-new-tokens', '8')).not.toContain('penguin');
});

it.each([
  ['400_megapixels.png', 'must have at most 64 megapixels but is 20000×20000: make it smaller first'],
  ['claims_2_31.png', 'must have at most 64 megapixels but is 2147483647×2147483647: make it smaller first'],
  ['bmp.bmp', 'must be a PNG, JPEG, WebP, GIF or TIFF picture but is BMP: convert it to PNG or JPEG first'],
])('%s is refused in one sentence', async (name, sentence) => {
  const image = fileURLToPath(new URL(name, corpus));
  const { code, stdout, stderr } = await overtone(['image2text', '--image', image]);
  expect([code, stdout, stderr]).toEqual([1, '', `overtone: ${image}: ${sentence}\n`]);
});
