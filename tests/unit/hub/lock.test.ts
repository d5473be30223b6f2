/** The lock of a repository's folder: one holder, none that is dead, none for ever. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { withLock } from '../../../node/hub/lock.ts';
import { AbortError, FileError } from '../../../src/engine/index.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'overtone-lock-'));
  path = join(folder, 'lock');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Yields to the others each time that a waiter looks. */
const sleep = () => new Promise<void>((resolve) => setImmediate(resolve));

it('lets one in at a time, tells who waits, and leaves nothing', async () => {
  let inside = 0;
  let waits = 0;
  const enter = () =>
    withLock(path, { sleep, onWait: () => waits++ }, async (held) => {
      expect(++inside).toBe(1);
      for (let i = 0; i < 20; i++) await sleep();
      await held();
      inside--;
    });
  await Promise.all([enter(), enter(), enter()]);
  expect(waits).toBe(2);
  expect(readdirSync(folder)).toEqual([]);
});

it('is given back when the task fails', async () => {
  await expect(withLock(path, { sleep }, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(existsSync(path)).toBe(false);
});

it('is taken from a process that has ended', async () => {
  const { pid } = spawnSync(process.execPath, ['-e', '']);
  writeFileSync(path, `${pid} ${hostname()} x`);
  expect(await withLock(path, { sleep }, () => Promise.resolve(1))).toBe(1);
  expect(readdirSync(folder)).toEqual([]);
});

it('is taken from a machine that has been silent for a minute, not from one that was there just now', async () => {
  writeFileSync(path, '1 another-machine x');
  const stop = new AbortController();
  const waiting = withLock(path, { sleep, signal: stop.signal, onWait: () => stop.abort() }, () => Promise.resolve());
  await expect(waiting).rejects.toThrow(AbortError);
  const then = new Date(Date.now() - 61_000);
  utimesSync(path, then, then);
  await withLock(path, { sleep }, () => Promise.resolve());
});

it('tells the one who has lost it', async () => {
  const losing = withLock(path, { sleep }, async (held) => {
    writeFileSync(path, '1 another-machine x');
    await held();
  });
  await expect(losing).rejects.toThrow(FileError);
  expect(existsSync(path)).toBe(true);
});
