/** Pictures made again from what they remember. */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { encodeRecorded, readPictureText } from '../../node/picture_text.ts';
import { decodePicture } from '../../node/pictures.ts';
import { record } from '../support/record.ts';
import { type Running, start } from './overtone.ts';

const quick = '--num-iter 2 --timesteps 4 --image-size 64x32'.split(' ');
const bytesOf = (run: Running, name = 'output.png') => new Uint8Array(readFileSync(join(run.folder, name)));
const recordOf = (run: Running, name?: string) => readPictureText(bytesOf(run, name), 'made').record;

async function made(args: readonly string[], from?: Running): Promise<Running & { stderr: string }> {
  const run = start(['text2image', '--no-progress', ...args]);
  if (from) copyFileSync(join(from.folder, 'output.png'), join(run.folder, 'from.png'));
  const { code, stderr } = await run.ended;
  expect([code, stderr]).toEqual([0, expect.any(String)]);
  return { ...run, stderr };
}

it('remakes a picture bit for bit, and changes only what is asked for', async () => {
  const settings = '--cfg 2.5 --cfg-schedule linear --temperature 0.9 --cfg-prompt x --grid-size 2'.split(' ');
  const first = await made([...quick, ...settings, '--prompt', '左边一只狗 🐶']);
  const again = await made(['--from', 'from.png'], first);
  expect(bytesOf(again)).toEqual(bytesOf(first));
  const other = await made(['--from', 'from.png', '--seed', '7'], first);
  expect(recordOf(other)).toEqual({ ...recordOf(first), seed: 7 });
  expect(bytesOf(other)).not.toEqual(bytesOf(first));
  const fresh = await made(['--from', 'from.png', '--seed', 'new', '--cfg', '1'], first);
  const { seed, ...rest } = recordOf(fresh)!;
  expect({ ...rest, seed: recordOf(first)!.seed }).toEqual({ ...recordOf(first), guidance: 1 });
  expect(seed).not.toBe(recordOf(first)!.seed);
});

it('remembers the quantised form of the weights', async () => {
  const first = await made([...quick, '--quantise', 'q4']);
  expect(recordOf(first)!.model.weights).toBe('q4');
  const again = await made(['--from', 'from.png'], first);
  expect([again.stderr, bytesOf(again)]).toEqual([first.stderr, bytesOf(first)]);
  const other = await made(['--from', 'from.png', '--quantise', 'q8'], first);
  expect(other.stderr).toContain('was made with other weights');
});

it('remembers in a JPEG as well', async () => {
  const first = await made([...quick, '--output', 'a.jpg']);
  const run = start(['text2image', '--no-progress', '--from', '-', '--output', 'b.jpg'], {
    input: bytesOf(first, 'a.jpg'),
  });
  expect((await run.ended).code).toBe(0);
  expect(bytesOf(run, 'b.jpg')).toEqual(bytesOf(first, 'a.jpg'));
});

it('says that other weights made it, and that a picture without a record cannot be made again', async () => {
  const picture = { width: 16, height: 16, data: new Uint8Array(768) };
  const run = start(['text2image', '--no-progress', '--from', 'other.png', ...quick]);
  writeFileSync(join(run.folder, 'other.png'), await encodeRecorded(picture, record({ prompt: 'a cat' }), 'PNG'));
  const { code, stderr } = await run.ended;
  expect([code, stderr]).toEqual([
    0,
    expect.stringMatching(/^The picture was made with other weights \(harmon-tiny 0123456789 f32\) than these/),
  ]);
  expect(recordOf(run)!.prompt).toBe('a cat');
  const none = start(['text2image', '--from', new URL('../golden/data/scene.png', import.meta.url).pathname]);
  expect(await none.ended).toMatchObject({ code: 1, stderr: expect.stringContaining('has no record') as string });
});

it('makes a labelled sheet of several settings, which can be made again', async () => {
  const axes = ['--sweep', 'cfg=1,3', '--sweep', 'seed=5,6', '--seed', '9'];
  const first = await made([...quick, ...axes, '--prompt', 'a dog']);
  expect(recordOf(first)).toMatchObject({ sweep: ['cfg=1,3', 'seed=5,6'], seed: 9 });
  const sheet = await decodePicture(bytesOf(first), 'sheet');
  const again = await made(['--from', 'from.png'], first);
  expect(bytesOf(again)).toEqual(bytesOf(first));
  const alone = await made([...quick, '--prompt', 'a dog', '--seed', '6', '--cfg', '3']);
  const { width, data } = await decodePicture(bytesOf(alone), 'alone');
  const row = (y: number) => Buffer.from(data.subarray(y * width * 3, (y + 1) * width * 3));
  const at = Buffer.from(sheet.data).lastIndexOf(row(0)) / 3;
  expect(at).toBeGreaterThan(0);
  for (let y = 0; y < 32; y++)
    expect(sheet.data.slice((at + y * sheet.width) * 3, (at + y * sheet.width + width) * 3)).toEqual(
      new Uint8Array(row(y)),
    );
});
