/** `batch` at work: what it leaves, how it goes on, and that a picture does not depend on who makes it. */
import { cpSync, existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readPictureText } from '../../node/picture_text.ts';
import { type Running, start } from './overtone.ts';

const quick = '--no-progress --num-iter 2 --timesteps 4 --image-size 32 --json'.split(' ');
const LIST =
  '[{"prompt":" a dog ","id":12345678901234567890},{"prompt":"a cat"},{"prompt":"two pizzas"},{"prompt":"a fox"}]';
const filesOf = (run: Running) =>
  Object.fromEntries(
    readdirSync(join(run.folder, 'output')).map((name) => [name, readFileSync(join(run.folder, 'output', name))]),
  );

async function batch(
  args: readonly string[],
  { list = LIST, from, env }: { list?: string; from?: Running; env?: Record<string, string> } = {},
) {
  const run = start(['batch', '-', ...quick, ...args], { input: list, env });
  if (from) cpSync(join(from.folder, 'output'), join(run.folder, 'output'), { recursive: true });
  const { code, stdout, stderr } = await run.ended;
  return { run, code, stderr, result: JSON.parse(stdout || '{}') as Record<string, unknown> };
}

it('leaves a picture and its entry for each, goes on where it stopped, and remakes what has changed', async () => {
  const first = await batch([]);
  expect([first.code, first.result]).toEqual([0, expect.objectContaining({ made: 4, kept: 0, failed: [] })]);
  const all = filesOf(first.run);
  expect(Object.keys(all)).toEqual([0, 1, 2, 3].flatMap((i) => [`0000000${i}.jpg`, `0000000${i}.json`]));
  expect(all['00000000.json'].toString()).toBe('{"prompt":" a dog ","id":12345678901234567890, "sample_id": 0}\n');
  expect(readPictureText(all['00000003.jpg'], 'x').record).toMatchObject({ prompt: 'a fox.', seed: 3 });

  const output = (name: string) => join(first.run.folder, 'output', name);
  writeFileSync(output('00000001.jpg'), all['00000001.jpg'].subarray(0, -40));
  rmSync(output('00000002.json'));
  const again = await batch([], { from: first.run });
  expect([again.code, again.result]).toMatchObject([0, { made: 2, kept: 2 }]);
  expect(filesOf(again.run)).toEqual(all);
  const changed = await batch(['--cfg', '2'], { from: first.run, list: LIST.replace('a fox', 'a pig') });
  expect(changed.result).toMatchObject({ made: 4, kept: 0 });
});

it('leaves a file under the name of a picture that it did not make, and does the rest', async () => {
  const first = await batch([], { list: LIST });
  const path = join(first.run.folder, 'output', '00000001.jpg');
  writeFileSync(path, "somebody's own");
  const again = await batch([], { from: first.run });
  expect([again.code, again.result]).toMatchObject([1, { made: 0, kept: 3, failed: [{ index: 1 }] }]);
  expect(again.stderr).toMatch(
    /entry 1: output\/00000001\.jpg must be a picture of batch, .* but is another file: move it/,
  );
  expect(readFileSync(join(again.run.folder, 'output', '00000001.jpg'), 'utf8')).toBe("somebody's own");
});

it('makes the same pictures in shares, alone and together', async () => {
  const [whole, alone] = await Promise.all([
    batch(['--grid-size', '2']),
    batch(['--grid-size', '2', '--batch-size', '1']),
  ]);
  expect(filesOf(alone.run)).toEqual(filesOf(whole.run));
  const shares = await Promise.all([
    batch(['--grid-size', '2', '--shard', '1/3']),
    batch(['--grid-size', '2', '--shards', '3'], {
      env: { SLURM_ARRAY_TASK_ID: '2', SLURM_ARRAY_TASK_MIN: '2', SLURM_ARRAY_TASK_MAX: '2' },
    }),
    batch(['--grid-size', '2', '--shards', '3'], { env: { JOB_COMPLETION_INDEX: '0' } }),
  ]);
  expect(shares.map(({ result }) => result.shard)).toEqual(['1/3', '2/3', '0/3']);
  expect(Object.assign({}, ...shares.map(({ run }) => filesOf(run)))).toEqual(filesOf(whole.run));
  expect(shares.map(({ result }) => result.made)).toEqual([1, 1, 2]);
});

it('names the entries that cannot be made, and makes the rest', async () => {
  const list = `[{"prompt":"a dog"},{"prompt":""},{"prompt":${JSON.stringify('dog '.repeat(40_000))}},{"prompt":"a cat"}]`;
  const { run, code, stderr, result } = await batch([], { list });
  expect(code).toBe(1);
  expect(stderr).toContain('stdin: entry 1: its "prompt" must say something but is empty\n');
  expect(stderr).toMatch(/^stdin: entry 2: \[context\] prompt, picture and answer must fit 32768 positions but take/m);
  expect(stderr).toContain('overtone: stdin: 2 of 4 entries could not be made (1, 2), the rest is done');
  expect(result).toMatchObject({ made: 2, failed: [{ index: 1 }, { index: 2 }] });
  expect(Object.keys(filesOf(run))).toHaveLength(4);
});

it.each(['SIGINT', 'SIGTERM'] as const)('ends at %s with whole files only, and goes on afterwards', async (signal) => {
  const list = JSON.stringify(Array.from({ length: 40 }, (_, i) => ({ prompt: `${i} dogs` })));
  const options = '--num-iter 4 --timesteps 50 --image-size 64 --batch-size 1'.split(' ');
  const run = start(['batch', '-', ...options], { input: list });
  await expect.poll(() => existsSync(join(run.folder, 'output/00000002.jpg')), { timeout: 50_000 }).toBe(true);
  const began = performance.now();
  run.child.kill(signal);
  expect((await run.ended).code).toBe(signal === 'SIGINT' ? 130 : 143);
  expect(performance.now() - began).toBeLessThan(1000);
  const names = Object.keys(filesOf(run));
  expect(names.filter((name) => !/^\d{8}\.(jpg|json)$/.test(name))).toEqual([]);
  for (const name of names.filter((one) => one.endsWith('.jpg')))
    expect(readPictureText(filesOf(run)[name], name).record).toMatchObject({ iterations: 4 });
});
