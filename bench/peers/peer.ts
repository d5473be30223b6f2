/** A peer: another engine, opened in a process of its own. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { packageFile } from '../../node/package.ts';
import type { Task } from './task.ts';

export interface Peer {
  readonly version: string;
  /** Puts the operands on the device and makes the call, which waits for its result on the host, in the task's own layout. */
  prepare(task: Task): Promise<PreparedCall>;
}

export interface PreparedCall {
  run(): Promise<ArrayLike<number>>;
  destroy(): void;
}

/** Folder of a package that the peers' own package.json names. */
export function peerFolder(name: string): string {
  const require = createRequire(packageFile('bench/peers/package.json'));
  const paths = require.resolve.paths(name) ?? [];
  for (const path of paths) {
    const folder = join(path, name);
    try {
      readFileSync(join(folder, 'package.json'));
      return folder;
    } catch {
      // the next one
    }
  }
  throw new Error(`${name} is not installed: run npm ci in ${dirname(packageFile('bench/peers/package.json'))}`);
}

export const versionOf = (folder: string): string =>
  (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string }).version;

export const importFrom = async <T>(folder: string, file: string): Promise<T> =>
  (await import(/* @vite-ignore */ pathToFileURL(join(folder, file)).href)) as T;
