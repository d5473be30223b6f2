/** `overtone edit` at work on the embedded model: what it keeps, what it prints, what it leaves behind, and what it refuses. */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { readPictureText } from '../../node/picture_text.ts';
import { decodePicture, encodePng } from '../../node/pictures.ts';
import { formulaPicture } from '../support/formula.ts';
import { overtone, start } from './overtone.ts';

const scene = fileURLToPath(new URL('../golden/data/scene.png', import.meta.url));
const quick = ['edit', '--num-iter', '2', '--timesteps', '4', '--seed', '5', '--no-progress'];
const saved = (folder: string, name: string) => new Uint8Array(readFileSync(join(folder, name)));
const cut = async (width: number, height: number) => {
  const { data, width: from } = await decodePicture(new Uint8Array(readFileSync(scene)));
  const rows = Array.from({ length: height }, (_, y) => [...data.subarray(y * from * 3, (y * from + width) * 3)]);
  return { width, height, data: Uint8Array.from(rows.flat()) };
};

it('makes anew what boxes touch, prints one JSON object, and remembers what it did', async () => {
  const run = start(
    [...quick, '--image', '-', '--prompt', 'a fox', '--json', '--box', '40,0,8,8', '--box', '0,20,1,9'],
    {
      input: encodePng(await cut(60, 40)),
    },
  );
  const { code, stdout, stderr } = await run.ended;
  expect([code, stderr]).toEqual([0, '']);
  const result = JSON.parse(stdout) as Record<string, unknown>;
  expect(result).toMatchObject({
    output: 'edited.png',
    image: '-',
    width: 60,
    height: 40,
    seeds: [5],
    prompt: 'a fox',
  });
  const mask = ['..#.', '#...', '....'];
  expect(result).toMatchObject({ masks: [mask], image_size: [60, 40], iterations: 2, edit: { mask } });
  const file = saved(run.folder, 'edited.png');
  const [before, after] = [await cut(60, 40), await decodePicture(file)];
  expect([after.width, after.height]).toEqual([60, 40]);
  let changed = 0;
  for (let i = 0; i < before.data.length; i++) {
    const [x, y] = [Math.floor(i / 3) % 60, Math.floor(i / 180)];
    if (mask[Math.floor(y / 16)][Math.floor(x / 16)] === '.') expect(after.data[i], `${x}, ${y}`).toBe(before.data[i]);
    else changed += +(after.data[i] !== before.data[i]);
  }
  expect(changed).toBeGreaterThan(100);
  expect(readPictureText(file, 'edited.png').record).toMatchObject({ seed: 5, imageSize: [60, 40], edit: { mask } });
});

describe('made again', () => {
  const png = encodePng(formulaPicture(60, 40));
  const made = async (image: Uint8Array, ...options: string[]) => {
    const run = start([...quick, '--image', '-', '--prompt', 'a fox', ...options], { input: image });
    expect(await run.ended).toMatchObject({ code: 0, stderr: '' });
    return saved(run.folder, 'edited.png');
  };
  const again = async (edited: Uint8Array, image: Uint8Array, ...options: string[]) => {
    const run = start(['edit', '--no-progress', '--from', 'old.png', '--image', '-', ...options], { input: image });
    writeFileSync(join(run.folder, 'old.png'), edited);
    const { code, stderr } = await run.ended;
    return { code, stderr, file: code === 0 ? saved(run.folder, 'edited.png') : undefined };
  };
  const same = (edited: Uint8Array) => ({ code: 0, stderr: '', file: edited });

  it.each([
    [['--box', '30,0,20,8', '--cfg', '2']],
    [['--extend', 'left=1,top=2', '--box', '0,20,1,9', '--temperature', '0.5']],
    [['--extend', 'right=1,bottom=1', '--box', '50,30,2,2']],
    [['--variation', '0.5', '--grid-size', '2', '--num-iter', '1', '--quantise', 'q8']],
    [['--variation', '0.5', '--image-size', '32']],
  ])('%j is the same bit for bit', async (options) => {
    const edited = await made(png, ...options);
    expect(await again(edited, png)).toEqual(same(edited));
  });

  it('reads the picture as it was read, and changes only what is asked for', async () => {
    const clear = await sharp(png).ensureAlpha(0.3).png().toBuffer();
    const edited = await made(clear, '--read-as-reference', '--box', '0,0,40,8');
    expect(await again(edited, clear)).toEqual(same(edited));
    const other = readPictureText((await again(edited, clear, '--seed', '6', '--cfg', '1')).file!, 'x').record!;
    const record = readPictureText(edited, 'x').record!;
    expect(other).toEqual({ ...record, seed: 6, guidance: 1 });
    const elsewhere = readPictureText((await again(edited, clear, '--box', '0,0,1,1')).file!, 'x').record!;
    expect(elsewhere).toMatchObject({ iterations: 1, edit: { mask: ['#...', '....', '....'] } });
  });

  it('says which picture it needs', async () => {
    const edited = await made(png, '--box', '0,0,40,8');
    const { sha256 } = readPictureText(edited, 'x').record!.edit!.picture!;
    const which = `60×40 pixels, SHA-256 of their RGB bytes ${sha256.slice(0, 16)}…`;
    const run = async (...args: string[]) => {
      const { folder, ended } = start(args, { shell: 'until [ -s old.png ]; do sleep 0.05; done; exec "$@"' });
      writeFileSync(join(folder, 'old.png'), edited);
      return ended;
    };
    expect(await run('text2image', '--from', 'old.png')).toMatchObject({
      code: 2,
      stderr: `overtone: --from must be a picture made from words but "old.png" is an edit of another one (${which}): overtone edit --from "old.png" --image makes it again from that one\n`,
    });
    expect(await run('edit', '--from', 'old.png')).toMatchObject({
      code: 2,
      stderr: `overtone: --image must name the picture to edit, the one that was edited (${which})\n`,
    });
    expect((await run('info', 'old.png')).stdout).toContain('overtone edit --from old.png --image');
    const other = await again(edited, encodePng(formulaPicture(59, 41)));
    expect(other).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('is another one than the one that was') as string,
    });
    expect(await again(edited, encodePng(formulaPicture(60, 90)))).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--image must be the picture that was edited, of 3 rows of 4 squares') as string,
    });
    const words = await again(encodePng({ width: 1, height: 1, data: new Uint8Array(3) }), png);
    expect(words).toMatchObject({ code: 1, stderr: expect.stringContaining('has no record') as string });
  });
});

it('takes a mask of any size, and varies and extends by the words that the picture remembers', async () => {
  const first = start([
    'text2image',
    '--num-iter',
    '1',
    '--timesteps',
    '2',
    '--image-size',
    '48x32',
    '--prompt',
    'a pig',
  ]);
  expect((await first.ended).code).toBe(0);
  const picture = join(first.folder, 'output.png');
  const middle = { width: 3, height: 1, data: Uint8Array.from([0, 0, 0, 255, 255, 255, 0, 0, 0]) };
  writeFileSync(join(first.folder, 'mask.png'), encodePng(middle));
  const ask = async (...options: string[]) => {
    const { code, stdout, stderr } = await overtone([...quick, '--image', picture, '--json', ...options]);
    expect([code, stderr]).toEqual([0, '']);
    return JSON.parse(stdout) as { masks: string[][]; prompt: string; width: number; height: number };
  };
  expect(await ask('--mask', join(first.folder, 'mask.png'))).toMatchObject({
    prompt: 'a pig',
    masks: [['.#.', '.#.']],
  });
  const varied = await ask('--variation', '0.5', '--grid-size', '2', '--num-iter', '1');
  expect([varied.width, varied.height, varied.masks.length]).toEqual([96, 64, 4]);
  for (const mask of varied.masks) expect(mask.join('').replaceAll('.', '')).toBe('###');
  const wider = await ask('--extend', 'left,right=1,bottom=1');
  expect([wider.width, wider.height]).toEqual([80, 48]);
  expect(wider.masks).toEqual([['#...#', '#...#', '#####']]);
  const smaller = await ask('--variation', '1', '--image-size', '24');
  expect([smaller.width, smaller.height]).toEqual([24, 16]);
});

describe('refusals', () => {
  const at = (...options: string[]) => overtone([...quick, '--image', scene, ...options]);
  it.each([
    [[], 'what is made anew must be said: give --mask, --box, --variation or --extend'],
    [['--image', 'b.png'], '--image must be given once but is given as '],
    [['--extend', 'left=0'], 'what is made anew must be said'],
    [['--mask', 'm.png', '--box', '0,0,1,1'], '--mask and --box must not be given together'],
    [['--variation', '.5', '--extend', 'left=1'], '--variation and --extend must not be given together'],
    [['--box', '128,0,5,5', '--prompt', 'a'], 'the box must touch the picture, which is 128×128, but is 128,0,5,5'],
    [['--box', '0,0,5,5'], '--prompt must say what the picture shows, for '],
    [['--box', '0,0,5,5', '--prompt', 'a', '--num-iter', '2'], '--num-iter must be at most 1, one for each square'],
    [['--box', '0,0,5,5', '--prompt', ' '], '--prompt must say something but is empty'],
    [['--mask', '-', '--prompt', '-'], 'only one of --image, --mask, --from and --prompt must be read from stdin'],
    [['--box', '0,0,99,99', '--prompt', 'a', '--output', 'x.gif'], '--output must end in .png, .jpg or .jpeg'],
    [['--image-size', '0', '--variation', '1'], '--image-size must be a whole number from 1 to 4096 but is "0"'],
  ])('%j', async (options, sentence) => {
    const { code, stdout, stderr } = await at(...options);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^overtone: .*\n$/);
    expect(stderr).toContain(sentence);
  });
});

it('says how to make a picture small enough', async () => {
  const input = encodePng({ width: 4097, height: 1, data: new Uint8Array(4097 * 3) });
  const { code, stderr } = await overtone([...quick, '--image', '-', '--variation', '1', '--prompt', 'a'], { input });
  expect(code).toBe(2);
  expect(stderr).toMatch(
    /^overtone: --image must have sides of at most 4096 pixels .* but is 4097×1: .*--image-size 128\n$/,
  );
});

it('Ctrl-C in the middle leaves no file', async () => {
  const run = start(['edit', '--image', scene, '--variation', '1', '--prompt', 'a dog', '--timesteps', '1000']);
  await run.said('Iterations');
  run.child.kill('SIGINT');
  expect((await run.ended).code).toBe(130);
  expect(readdirSync(run.folder)).toEqual([]);
});
