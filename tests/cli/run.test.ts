/** The commands at work on the embedded model: what they print, what they leave behind, and how they end. */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { decodePicture } from '../../node/pictures.ts';
import { overtone, start } from './overtone.ts';

const golden = (name: string) => fileURLToPath(new URL(`../golden/data/${name}`, import.meta.url));
const quick = ['text2image', '--num-iter', '2', '--timesteps', '4', '--image-size', '64'];

describe('text2image', () => {
  it('prints one JSON object and saves what it says', async () => {
    const run = start(
      [...quick, '--json', '--seed', '5', '--grid-size', '2', '--prompt', '-', '--output', 'new/{seed}-{prompt}.png'],
      {
        input: 'a dog\n',
      },
    );
    const { code, stdout } = await run.ended;
    expect(code).toBe(0);
    const result = JSON.parse(stdout) as Record<string, unknown>;
    expect(result).toMatchObject({
      output: 'new/5-a-dog.png',
      width: 128,
      height: 128,
      prompt: 'a dog',
      seeds: [5, 6, 7, 8],
    });
    expect(Object.keys(result.seconds as object)).toEqual(
      expect.arrayContaining(['device', 'weights', 'decode', 'total']),
    );
    const file = new Uint8Array(readFileSync(join(run.folder, 'new/5-a-dog.png')));
    expect(await decodePicture(file, 'saved')).toMatchObject({ width: 128, height: 128 });
    expect(readdirSync(join(run.folder, 'new'))).toEqual(['5-a-dog.png']);
  });

  it('makes the same picture from the same seed, one at a time or four, wide or not', async () => {
    const files = await Promise.all(
      [
        ['--seed', '6'],
        ['--seed', '6', '--grid-size', '2', '--batch-size', '1'],
      ].map(async (options) => {
        const run = start([...quick, ...options, '--no-progress', '--image-size', '64x32', '--num-iter', '3']);
        expect(await run.ended).toMatchObject({ code: 0, stderr: '' });
        return decodePicture(new Uint8Array(readFileSync(join(run.folder, 'output.png'))), 'saved');
      }),
    );
    const [alone, four] = files;
    expect([alone.width, alone.height, four.width, four.height]).toEqual([64, 32, 128, 64]);
    for (let y = 0; y < 32; y++)
      expect(four.data.slice(y * 128 * 3, (y * 128 + 64) * 3)).toEqual(alone.data.slice(y * 64 * 3, (y + 1) * 64 * 3));
  });
});

describe('image2text', () => {
  it('streams words to stdout and all else to stderr', async () => {
    const { code, stdout, stderr } = await overtone(['image2text', '--image', golden('scene.png')]);
    const { text } = JSON.parse(readFileSync(golden('image2text.json'), 'utf8')) as { text: string };
    expect([code, stdout]).toEqual([0, `${text.replace('<|im_end|>', '')}\n`]);
    expect(stderr).toMatch(/first word/);
  });

  it('answers as JSON about a picture from stdin', async () => {
    const run = start(['image2text', '--image', '-', '--json', '--prompt', 'How many objects are there?']);
    run.child.stdin.end();
    expect(await run.ended).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('is empty') as string,
    });
    const picture = readFileSync(golden('scene.png'));
    const { stdout } = await overtone(
      ['image2text', '--image', '-', '--json', '--prompt', 'How many objects are there?'],
      {
        input: picture,
      },
    );
    const result = JSON.parse(stdout) as { text: string; output_ids: number[] };
    expect(result.text).toMatch(/^(One|Two|Three|Four)\.$/);
    expect(result.output_ids.length).toBeGreaterThan(2);
  });
});

it('ends quietly when nobody reads its results any more', async () => {
  for (const args of [
    ['--help'],
    ['image2text', '--image', golden('scene.png')],
    ['info', '--json'],
    ['info', '--tensors', fileURLToPath(new URL('../../models/harmon-tiny', import.meta.url))],
    ['caption', fileURLToPath(new URL('../golden/data', import.meta.url)), '--output', '-', '--max-new-tokens', '2'],
  ]) {
    const run = start(args);
    run.child.stdout.destroy();
    const { code, stderr } = await run.ended;
    expect(code).toBe(0);
    expect(stderr).not.toMatch(/EPIPE|^ +at /m);
  }
});

describe('signals', () => {
  const long = ['text2image', '--num-iter', '64', '--timesteps', '1000'];

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('%s in the middle ends within a second, with %i and no file', async (signal, code) => {
    const run = start(long);
    await run.said('Iterations');
    const began = performance.now();
    run.child.kill(signal);
    expect((await run.ended).code).toBe(code);
    expect(performance.now() - began).toBeLessThan(1000);
    expect(readdirSync(run.folder)).toEqual([]);
  });

  it('a hangup leaves alone what nohup started, which has its stdin from an unreadable file', async () => {
    const run = start(quick, { shell: 'exec "$@" 0>/dev/null' });
    await run.said('Iterations');
    run.child.kill('SIGHUP');
    expect((await run.ended).code).toBe(0);
    expect(readdirSync(run.folder)).toEqual(['output.png']);
  });

  it('a hangup leaves alone what a shell started that ignores it', async () => {
    const run = start(quick, { shell: `trap '' HUP; "$@" & echo $! >&2; wait $!` });
    await run.said('Iterations');
    process.kill(run.child.pid!, 'SIGHUP');
    process.kill(Number(/^\d+/.exec(run.heard())![0]), 'SIGHUP');
    expect((await run.ended).code).toBe(0);
  });

  it('a second Ctrl-C changes neither the code nor the absence of a file', async () => {
    const run = start(long);
    await run.said('Iterations');
    run.child.kill('SIGINT');
    setTimeout(() => run.child.kill('SIGINT'), 250);
    expect((await run.ended).code).toBe(130);
    expect(readdirSync(run.folder)).toEqual([]);
  });

  it('one while weights load leaves an existing picture alone', async () => {
    const run = start([...long, '--output', 'kept.png']);
    writeFileSync(join(run.folder, 'kept.png'), 'old');
    await run.said('Loading weights');
    run.child.kill('SIGTERM');
    expect(await run.ended).toMatchObject({ code: 143, stdout: '' });
    expect(readdirSync(run.folder)).toEqual(['kept.png']);
    expect(readFileSync(join(run.folder, 'kept.png'), 'utf8')).toBe('old');
  });
});
