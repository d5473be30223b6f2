/** `--memory`: the same picture in less, weights in fewer bits only where that is allowed, and a refusal that says what helps. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readPictureText } from '../../node/picture_text.ts';
import { overtone, start } from './overtone.ts';

const quick = 'text2image --no-progress --seed 3 --num-iter 2 --timesteps 4 --image-size 64x32'.split(' ');

async function made(...args: readonly string[]) {
  const run = start([...quick, ...args]);
  const { code, stderr } = await run.ended;
  expect([code, stderr]).toEqual([0, expect.any(String)]);
  const bytes = new Uint8Array(readFileSync(join(run.folder, 'output.png')));
  return { bytes, stderr, weights: readPictureText(bytes, 'made').record!.model.weights };
}

it('makes the same picture in less memory', async () => {
  const all = await made();
  const less = await made('--memory', '18MB', '--quantise', 'q4');
  expect(less.bytes).toEqual(all.bytes);
  expect(less.stderr).toMatch(
    /^With weights as stored this needs \d+\.\d MB for weights, \d\.\d MB for activations, \d\.\d MB for caches: \d+\.\d MB of 18\.0 MB\.\n$/,
  );
  const least = await made('--memory', '13MB', '--quantise', 'q4');
  expect(least.weights).toBe('q8');
});

it('counts what this device and these iterations take before it settles the form', async () => {
  // all squares at once, on a device whose convolutions read images: 89 MB of activations, so that weights as stored do not fit
  const picture = '--image-size 128 --num-iter 1 --timesteps 50'.split(' ');
  const { stderr, weights } = await made(...picture, '--memory', '100MB', '--quantise', 'q4');
  expect(stderr).toMatch(/^With weights in q8 this needs .*: 9\d\.\d MB of 100 MB\.\n$/);
  expect(weights).toBe('q8');
});

it.each([
  [
    '--memory 13MB',
    /^overtone: \[memory\] this needs .* but 13\.0 MB are allowed: choose weights in q8 \(quantise\), /,
  ],
  ['--memory 4', /^overtone: --memory must be a size such as 4GB or 900MB but is "4"\n/],
])('refuses %s', async (option, sentence) => {
  const { code, stderr } = await overtone([...quick, ...option.split(' ')]);
  expect(code).not.toBe(0);
  expect(stderr).toMatch(sentence);
});
