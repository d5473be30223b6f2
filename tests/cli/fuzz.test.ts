/** The fuzzer itself: it finds each kind of fault in a reader that has them all, keeps what shows it, and is content with the real ones. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';

const MAIN = fileURLToPath(new URL('../../dist/tests/fuzz/main.js', import.meta.url));
const keep = mkdtempSync(join(tmpdir(), 'overtone-fuzz-kept-'));
afterAll(() => rmSync(keep, { recursive: true }));

const fuzz = (line: string) =>
  spawnSync(process.execPath, [MAIN, ...line.split(' '), '--keep', keep], { encoding: 'utf8' });

test('a reader of many faults fails with each of them', () => {
  // This seed draws each kind of input once.
  const { status, stdout } = fuzz('--faulty --runs 9 --seed 1266 --patience 2');
  for (const sentence of [
    'TypeError: not the error that was agreed on',
    'it takes more than 96 MB of heap',
    'the process ends with SIGABRT',
    '9 inputs of seed 1266',
    ', 7 failed\n',
  ])
    expect(stdout).toContain(sentence);
  expect(stdout).toMatch(/it takes 10\d\d MB/); // nothing is written into these
  expect(stdout).toMatch(/it takes 2\d\d MB/);
  expect(stdout.match(/it takes more than 2 s/g)).toHaveLength(2);
  expect(readdirSync(keep)).toHaveLength(7);
  expect(status).toBe(1);
});

test('the real readers pass', () => {
  const { status, stdout } = fuzz('--runs 1000 --seed 7');
  expect(stdout).toMatch(/^1000 inputs of seed 7 in \d+ s, 0 failed$/m);
  expect(stdout).toMatch(/^torch +\d+ read, \d+ refused, 0 failed; at most \d+ ms of processor time and [\d.]+ MB$/m);
  expect(status).toBe(0);
});

test('numbers it cannot take are refused', () => expect(fuzz('--runs many').status).toBe(2));
