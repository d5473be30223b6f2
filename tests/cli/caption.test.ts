/** `caption`: a line for each picture, kept while picture and question stay the same. */
import { copyFileSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { encodePng } from '../../node/pictures.ts';
import { type Running, overtone, start } from './overtone.ts';

const scene = fileURLToPath(new URL('../golden/data/scene.png', import.meta.url));
const options = '--no-progress --image-size 64 --max-new-tokens 6'.split(' ');
const plain = encodePng({ width: 16, height: 16, data: new Uint8Array(768).fill(200) });

/** Runs `caption` in the folder of another run. */
async function again(run: Running, args: readonly string[], shell = `cd ${JSON.stringify(run.folder)}; exec "$@"`) {
  return overtone(['caption', 'my pictures', ...options, ...args], { shell });
}

it('describes a folder, goes on where it stopped, and does again what has changed', async () => {
  const run = start(['--version']);
  await run.ended;
  const file = (name: string) => join(run.folder, name);
  mkdirSync(file('my pictures'));
  copyFileSync(scene, file('my pictures/a.png'));
  writeFileSync(file('my pictures/狗.PNG'), plain);
  writeFileSync(file('my pictures/bad.jpg'), plain.subarray(0, 60));
  writeFileSync(file('my pictures/notes.md'), 'no picture');
  const lines = () => readFileSync(file('c/captions.jsonl'), 'utf8');

  const first = await again(run, ['--side-files', '--output', 'c/captions.jsonl']);
  expect(first.code).toBe(1);
  expect(first.stderr).toMatch(/^my pictures\/bad\.jpg: is incomplete/m);
  expect(first.stderr).toContain('my pictures: 1 of 3 pictures could not be described, the rest is done');
  const whole = lines();
  const captions = whole
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, string>);
  expect(captions).toMatchObject([
    { file: 'a.png', image_size: 64, model: 'harmon-tiny' },
    { file: '狗.PNG', question: 'Describe the image in detail.' },
  ]);
  expect(readFileSync(file('my pictures/a.txt'), 'utf8')).toBe(`${captions[0].text}\n`);
  expect(readdirSync(file('my pictures'))).toContain('狗.txt');

  writeFileSync(file('my pictures/bad.jpg'), plain);
  writeFileSync(file('c/captions.jsonl'), `${whole}{"file":"bad.jp`);
  const second = await again(run, ['--json', '--output', 'c/captions.jsonl']);
  expect(second.code).toBe(0);
  expect(JSON.parse(second.stdout)).toMatchObject({ made: 1, kept: 2, failed: [] });
  expect(lines().split('\n')).toHaveLength(4);
  const third = await again(run, ['--json', '--prompt', 'How many?', '--output', 'c/captions.jsonl']);
  expect(JSON.parse(third.stdout)).toMatchObject({ made: 3, kept: 0, question: 'How many?' });

  writeFileSync(file('my pictures/a.txt'), 'mine\n');
  const fourth = await again(run, ['--side-files', '--output', 'c/captions.jsonl']);
  expect(fourth.code).toBe(1);
  expect(fourth.stderr).toContain('a.png: its side file "a.txt" must be from an earlier run but holds something else');
  expect(readFileSync(file('my pictures/a.txt'), 'utf8')).toBe('mine\n');
});

it('refuses what it would spoil, and an empty folder', async () => {
  const run = start(['--version']);
  await run.ended;
  expect(await again(run, [])).toMatchObject({ code: 1, stdout: '' });
  mkdirSync(join(run.folder, 'my pictures'));
  expect((await again(run, [])).stderr).toContain('must hold pictures (.png, .jpg, .webp, .gif, .tiff) but holds none');
  for (const name of ['a.png', 'a.jpg']) writeFileSync(join(run.folder, 'my pictures', name), plain);
  writeFileSync(join(run.folder, 'diary.txt'), 'dear diary\n');
  const spoilt = await again(run, ['--output', 'diary.txt']);
  expect(spoilt).toMatchObject({ code: 1 });
  expect(spoilt.stderr).toContain('must be a file of captions but line 1 is none');
  expect(readFileSync(join(run.folder, 'diary.txt'), 'utf8')).toBe('dear diary\n');
  expect((await again(run, ['--side-files'])).stderr).toContain('--side-files needs names that differ before the dot');
});
