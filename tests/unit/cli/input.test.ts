import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readPicture, readPrompt } from '../../../node/cli/input.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'overtone-input-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const { signal } = new AbortController();
const stdin = (text: string | Uint8Array) => {
  const stream = new PassThrough();
  stream.end(text);
  return stream;
};

it('refuses a pipe as a picture, names the way to give one, and does not wait', async () => {
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  await expect(readPicture(pipe, signal)).rejects.toThrow(
    `${pipe}: must be a file but is a pipe: give the picture on standard input, with --image -`,
  );
}, 2000);

it('says that standard input is empty', async () => {
  await expect(readPicture('-', signal, { stdin: stdin('') })).rejects.toThrow('standard input is empty: ');
  await expect(readPrompt('-', signal, stdin('\n'))).rejects.toThrow('--prompt must say something but is empty');
});

it('reads a prompt from standard input without its last line break', async () => {
  expect(await readPrompt('-', signal, stdin('a dog\r\nand a cat\n'))).toBe('a dog\r\nand a cat');
});

it('refuses a prompt that is no text, by its first byte that is none', async () => {
  await expect(readPrompt('-', signal, stdin(Buffer.from('a \xe4 fox', 'latin1')))).rejects.toThrow(
    'stdin: must be UTF-8 but byte 2 (0xe4) belongs to no UTF-8 text: save it as UTF-8',
  );
});
