/** One process at a time fetches a repository: a file beside it names who does, and is touched while it lives. */
import { randomUUID } from 'node:crypto';
import { readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { FileError, throwIfAborted } from '../../src/engine/index.ts';
import type { Sleep } from '../../src/harmon/tries.ts';
import { reasonOf } from '../files.ts';

const BEAT_MS = 5_000;
const STALE_MS = 60_000;
const LOOK_MS = 250;

export interface LockOptions {
  readonly sleep: Sleep;
  readonly signal?: AbortSignal;
  /** Called once when another process has the lock. */
  readonly onWait?: () => void;
}

/**
 * Runs `task` while this process holds the lock at `path`; `held` rejects when another process has taken it over meanwhile.
 * @throws AbortError, FileError.
 */
export async function withLock<T>(
  path: string,
  { sleep, signal, onWait }: LockOptions,
  task: (held: () => Promise<void>) => Promise<T>,
): Promise<T> {
  const own = `${process.pid} ${hostname()} ${randomUUID()}`;
  for (let isFirst = true; !(await take(path, own)); isFirst = false) {
    throwIfAborted(signal, 'download');
    if (isFirst) onWait?.();
    if (!(await removeStale(path))) await sleep(LOOK_MS, signal);
  }
  const beat = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => undefined);
  }, BEAT_MS);
  beat.unref();
  const isOurs = async () => (await textOf(path)) === own;
  try {
    return await task(async () => {
      if (!(await isOurs()))
        throw new FileError(`${path}: must be this process's own but another has taken it: run it again`);
    });
  } finally {
    clearInterval(beat);
    if (await isOurs()) await rm(path, { force: true });
  }
}

const take = (path: string, own: string): Promise<boolean> =>
  writeFile(path, own, { flag: 'wx' }).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') return false;
      throw new FileError(`${path}: cannot be written: ${reasonOf(error)}`, { cause: error });
    },
  );

const textOf = (path: string): Promise<string | undefined> => readFile(path, 'utf8').catch(() => undefined);

/** Removes the lock of a process that has ended, or has been silent for a minute. */
async function removeStale(path: string): Promise<boolean> {
  const text = await textOf(path);
  const info = await stat(path).catch(() => undefined);
  if (text === undefined || !info) return true;
  const [pid, host] = text.split(' ');
  const hasEnded = host === hostname() && /^\d{1,10}$/.test(pid) && !isAlive(Number(pid));
  if (!hasEnded && Date.now() - info.mtimeMs < STALE_MS) return false;
  const aside = `${path}.${randomUUID().slice(0, 8)}`;
  await rename(path, aside).catch(() => undefined);
  const isSame = (await textOf(aside)) === text;
  if (isSame) await rm(aside, { force: true });
  else await rename(aside, path).catch(() => undefined); // somebody was faster
  return true;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
