/** `overtone edit` at work on the embedded model: what it keeps, what it prints, what it leaves behind, and what it refuses. */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readPictureText } from '../../node/picture_text.ts';
import { decodePicture, encodePng } from '../../node/pictures.ts';
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
  // it cannot be made again from words alone
  const again = await overtone(['text2image', '--from', join(run.folder, 'edited.png')]);
  expect(again).toMatchObject({ code: 2, stderr: expect.stringContaining('is an edit of another one') as string });
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
    [['--extend', 'left=0'], 'what is made anew must be said'],
    [['--mask', 'm.png', '--box', '0,0,1,1'], '--mask and --box must not be given together'],
    [['--variation', '.5', '--extend', 'left=1'], '--variation and --extend must not be given together'],
    [['--box', '128,0,5,5', '--prompt', 'a'], 'the box must touch the picture, which is 128×128, but is 128,0,5,5'],
    [['--box', '0,0,5,5'], '--prompt must say what the picture shows, for '],
    [['--box', '0,0,5,5', '--prompt', 'a', '--num-iter', '2'], '--num-iter must be at most 1, one for each square'],
    [['--box', '0,0,5,5', '--prompt', ' '], '--prompt must say something but is empty'],
    [['--mask', '-', '--prompt', '-'], 'only one of --image, --mask and --prompt must be read from stdin'],
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
