/** Pictures made again from what they remember. */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readPictureText } from '../../node/picture_text.ts';
import { encodeRecorded } from '../../node/picture_text.ts';
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
