/** What the command line says to wrong and to curious users, before any work. */
import { spawnSync } from 'node:child_process';
import { openSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { MAIN, overtone, start } from './overtone.ts';

const model = (name: string) => fileURLToPath(new URL(`../../models/harmon-tiny/${name}`, import.meta.url));

const COMMANDS = [
  'text2image',
  'edit',
  'image2text',
  'caption',
  'batch',
  'convert',
  'info',
  'doctor',
  'tune',
  'session',
  'demo',
];

describe('help', () => {
  it.each([[[]], [['--help']], ...COMMANDS.map((name) => [[name, '--help']])])(
    'of %j has an example, fits 80 columns and asks for nothing',
    async (args) => {
      const { code, stdout, stderr } = await overtone(args);
      expect([code, stderr]).toEqual([0, '']);
      expect(stdout).toMatch(/^Usage: overtone/);
      expect(stdout).toContain('\n  $ overtone ');
      expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
    },
  );

  it('tells the version', async () => expect((await overtone(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/));
});

describe('wrong usage', () => {
  it.each([
    ['text2image --imagesize 64', "unknown option '--imagesize'"],
    ['text2imge', "unknown command 'text2imge'"],
    ['text2image --image-size 100', '--image-size must be a side or WIDTHxHEIGHT in multiples of 16'],
    ['text2image --image-size 0', ': try 16'],
    ['text2image --image-size -128', ': try 16'],
    ['text2image --image-size 1e9', ': try 4096'],
    ['image2text --image x.png --image-size 128x256', '--image-size must be a multiple of 16'],
    [
      'text2image --num-iter 65',
      '--num-iter must be at most 64, one for each square of 16 pixels in 128×128, but is 65',
    ],
    ['text2image --num-iter 2 --image-size 16', '--num-iter must be at most 1,'],
    ['text2image --cfg-schedule cosine', 'constant, linear'],
    ['text2image --prompt ', '--prompt must say something but is empty'],
    ['text2image --output picture', '--output must end in .png, .jpg or .jpeg but is "picture"'],
    ['text2image --output picture.xyz', '--output must end in'],
    ['text2image --output .', 'not a folder'],
    ['image2text', "required option '--image <file>' not specified"],
    ['image2text --image - --prompt -', 'must not both be read from stdin'],
    ['text2image --from - --prompt -', 'must not both be read from stdin'],
    ['text2image --sweep steps=1,2', '--sweep must be name=value,value,… with a name of cfg,'],
    ['batch', "missing required argument 'list'"],
    ['batch - --shard 3/3', '--shard must be i/n with i from 0 to n - 1 but is "3/3"'],
    ['batch - --shards 3', 'use --shard i/n'],
    ['convert', "required option '--output <folder>' not specified"],
    ['caption photos --output - --json', '--json must not be given with --output -'],
    ['--num-iter 0', '--num-iter must be a whole number from 1'],
  ])('overtone %s', async (line, sentence) => {
    const { code, stdout, stderr } = await overtone(line.split(' '));
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^overtone: /);
    expect(stderr).toContain(sentence);
    expect(stderr).not.toMatch(/^ +at /m);
  });
});

describe('files that are missing or of another kind', () => {
  it.each([
    [['image2text', '--image', 'missing.png'], 'missing.png: cannot be read: there is no such file or folder'],
    [['image2text', '--image', model('config.json')], 'must be a PNG, JPEG, WebP, GIF or TIFF picture'],
    [['text2image', '--model', 'missing'], 'missing: must be a model folder but there is none'],
    [['text2image', '--model', model('config.json')], 'is a file: name it with --checkpoint'],
    [['text2image', '--checkpoint', model('kl16_tiny.ckpt')], 'is a VAE: give it with --vae'],
    [['text2image', '--checkpoint', model('harmon_tiny.pth')], 'has no VAE in it: name the file that has it'],
    [['text2image', '--config', '0.5b'], 'does not fit this model'],
  ])('overtone %j', async (args, sentence) => {
    const { code, stdout, stderr } = await overtone(args);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^overtone: .*\n$/);
    expect(stderr).toContain(sentence);
  });

  it('shows a stack trace to those who ask', async () => {
    const args = ['text2image', '--model', 'missing'];
    expect((await overtone([...args, '--verbose'])).stderr).toMatch(/^ +at /m);
    expect((await overtone(args, { env: { OVERTONE_DEBUG: '1' } })).stderr).toMatch(/^ +at /m);
  });
});

describe('the outside', () => {
  it('cannot steer the terminal by the name of a file', async () => {
    const { code, stderr } = await overtone(['text2image', '--model', 'a\x1b[31m\nb\u202e']);
    expect([code, stderr]).toEqual([
      1,
      'overtone: a\\u{1b}[31m\\u{a}b\\u{202e}: must be a model folder but there is none\n',
    ]);
    const option = await overtone(['text2image', '--a\x1b[31m']);
    expect(option.stderr).toContain("unknown option '--a\\u{1b}[31m'\n");
  });

  it('is told in one sentence that standard output takes nothing', () => {
    const { status, stderr } = spawnSync(process.execPath, [MAIN, '--help'], {
      stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'],
      encoding: 'utf8',
    });
    expect([status, stderr]).toEqual([1, 'overtone: standard output cannot be written: no space left\n']);
  });

  it('learns of a full disk before the model is read', () => {
    const args = [MAIN, 'text2image', '--num-iter', '1', '--no-progress'];
    const { folder } = start(['--version']);
    const { status, stderr } = spawnSync('bash', ['-c', 'ulimit -f 8; exec "$@"', 'bash', process.execPath, ...args], {
      cwd: folder,
      encoding: 'utf8',
    });
    expect([status, stderr]).toEqual([
      2,
      expect.stringMatching(/^overtone: --output "output\.png" cannot be written: it would be larger .*\n$/),
    ]);
    expect(readdirSync(folder)).toEqual([]);
  });
});
