/** The file of what the tuner found: where it lies, and that it is whole or none. */
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { fileStore, keepTuned, tuneFile, tunedChoices } from '../../../node/tune_file.ts';
import { type Device, FileError } from '../../../src/engine/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'overtone-tune-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('where it lies', () => {
  test.each([
    ['linux', {}, '/home/u/.cache/overtone/tune.json'],
    ['linux', { XDG_CACHE_HOME: '/var/c' }, '/var/c/overtone/tune.json'],
    ['linux', { XDG_CACHE_HOME: 'relative' }, '/home/u/.cache/overtone/tune.json'],
    ['linux', { XDG_CACHE_HOME: '/var/c', OVERTONE_TUNE_FILE: '/x/t.json' }, '/x/t.json'],
    ['linux', { OVERTONE_CACHE: '/o' }, '/o/tune.json'],
    ['darwin', {}, '/home/u/Library/Caches/overtone/tune.json'],
    ['win32', { LOCALAPPDATA: '/local' }, '/local/overtone/tune.json'],
  ] as const)('on %s with %j', (platform, env, path) => {
    expect(tuneFile(env, platform, '/home/u')).toBe(path);
  });
});

const device = { adapter: { vendor: 'v', architecture: 'a', device: 'd', driver: '1' } } as Device;
const choices = new Map([['linear rows≤8: a b', 'b']]);

describe('what is kept', () => {
  test('is found again; the folder is made, and nothing is left beside the file', async () => {
    const path = join(folder, 'a/b/tune.json');
    expect((await tunedChoices(device, path)).size).toBe(0);
    await keepTuned(device, choices, path);
    expect(await tunedChoices(device, path)).toEqual(choices);
    expect(readdirSync(join(folder, 'a/b'))).toEqual(['tune.json']);
  });

  test('a broken, a huge and an odd file count as none, and are written anew', async () => {
    const path = join(folder, 'tune.json');
    for (const spoil of [
      () => writeFileSync(path, readFileSync(path).subarray(0, 40)),
      () => truncateSync(path, 5 << 20),
      () => writeFileSync(path, Uint8Array.of(0xff, 0xfe, 0, 1)),
    ]) {
      await keepTuned(device, choices, path);
      spoil();
      expect((await tunedChoices(device, path)).size).toBe(0);
      await keepTuned(device, choices, path);
      expect(await tunedChoices(device, path)).toEqual(choices);
    }
  });

  test('a folder in its place cannot be read or written', async () => {
    const path = join(folder, 'folder');
    mkdirSync(path);
    expect((await tunedChoices(device, path)).size).toBe(0);
    await expect(fileStore(path).get()).rejects.toThrow(FileError);
    await expect(keepTuned(device, choices, path)).rejects.toThrow(FileError);
  });
});
