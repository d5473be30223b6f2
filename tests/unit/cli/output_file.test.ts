import { chmod, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { checkOutput, fillName } from '../../../node/cli/output_file.ts';
import { decodePicture } from '../../../node/pictures.ts';
import { ArgumentError } from '../../../src/engine/index.ts';
import { record } from '../../support/record.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'overtone-output-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const picture = { width: 2, height: 1, data: Uint8Array.of(250, 0, 0, 0, 0, 250) };

it.each(['a.png', 'b.PNG', 'c.jpg', 'd.jpeg'])('writes %s in a folder that it makes', async (name) => {
  const output = await checkOutput(join(folder, 'new/deep', name));
  expect(await readdir(join(folder, 'new/deep'))).toEqual([]);
  await output.save(picture, record());
  const { width, height } = await decodePicture(new Uint8Array(await readFile(output.path)), name);
  expect([width, height]).toEqual([2, 1]);
  expect(await readdir(join(folder, 'new/deep'))).toEqual([name]);
});

it.each([
  ['picture', /must end in \.png, \.jpg or \.jpeg but is ".*picture"$/],
  ['picture.xyz', /must end in/],
  ['-', /must end in/],
  ['folder.png', /not a folder, but is/],
  ['new/', /not a folder, but is/],
  ['file/picture.png', /cannot be written: /],
  [`${'n'.repeat(300)}/picture.png`, /its name is too long; choose another place$/],
  [`${'n'.repeat(252)}.png`, /must have a name of at most 255 bytes but is .* of 256 bytes$/],
  [`${'犬'.repeat(84)}.png`, /must have a name of at most 255 bytes but is .* of 256 bytes$/],
])('refuses %s in one sentence', async (name, sentence) => {
  await mkdir(join(folder, 'folder.png'));
  await writeFile(join(folder, 'file'), 'text');
  const checked = checkOutput(`${folder}/${name}`);
  await expect(checked).rejects.toThrow(ArgumentError);
  await expect(checked).rejects.toThrow(sentence);
});

it('refuses a folder that takes no files', async () => {
  const place = process.getuid?.() === 0 ? '/proc/overtone' : join(folder, 'locked');
  if (place.startsWith(folder)) {
    await mkdir(place);
    await chmod(place, 0o500);
  }
  await expect(checkOutput(join(place, 'picture.png'))).rejects.toThrow(/^--output .* cannot be written: /);
});

it('takes the longest name there is', async () => {
  const output = await checkOutput(join(folder, `${'n'.repeat(251)}.png`));
  await output.save(picture, record());
  expect(await readdir(folder)).toHaveLength(1);
});

it('says before any work that the disk is too full for the picture', async () => {
  const output = await checkOutput(join(folder, 'picture.png'));
  await output.reserve(64, 64, new AbortController().signal);
  expect(await readdir(folder)).toEqual([]);
  await rm(folder, { recursive: true });
  const reserved = output.reserve(64, 64, new AbortController().signal);
  await expect(reserved).rejects.toThrow(ArgumentError);
  await expect(reserved).rejects.toThrow(/^--output ".*picture\.png" cannot be written: there is no such/);
  await mkdir(folder);
});

it('keeps an existing file until the new one is whole', async () => {
  const path = join(folder, 'kept.png');
  await writeFile(path, 'old');
  const output = await checkOutput(path);
  expect(await readFile(path, 'utf8')).toBe('old');
  await output.save(picture, record());
  expect((await readFile(path)).length).toBeGreaterThan(60);
});

it('fills names with the seed and the words of the prompt', () => {
  expect(fillName('out/{seed}-{prompt}.png', { seed: 7, prompt: 'a dog, /etc/../x\n$& cat.' })).toBe(
    'out/7-a-dog-etc-x-cat.png',
  );
  expect(fillName('{prompt}.png', { seed: 1, prompt: '…' })).toBe('picture.png');
  // Vowel signs, accents of their own, joiners and direction marks belong to their words.
  for (const word of ['कुत्ता', 'สุนัข', 'cafe\u0301', 'می\u200cخواهم', 'a\u200fב', '左边一只狗'])
    expect(fillName('{prompt}.png', { seed: 1, prompt: `${word}! ${word}` })).toBe(`${word}-${word}.png`);
  expect(fillName('{prompt}', { seed: 1, prompt: 'a\u202eb' })).toBe('a-b');
  expect(fillName('{prompt}', { seed: 1, prompt: 'a'.repeat(500) })).toBe('a'.repeat(80));
  expect(fillName('{prompt}', { seed: 1, prompt: '犬'.repeat(500) })).toBe('犬'.repeat(26));
  expect(fillName('{prompt}', { seed: 1, prompt: `a${'𠀀'.repeat(500)}` })).toBe(`a${'𠀀'.repeat(19)}`);
  expect(fillName('{prompt}', { seed: 1, prompt: `${'a'.repeat(79)} b` })).toBe('a'.repeat(79));
  expect(fillName('plain.png', { seed: 1, prompt: 'x' })).toBe('plain.png');
});
