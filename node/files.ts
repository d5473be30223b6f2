/** Files for Node: reading by ranges, and writing so that a name never stands for half a file. */
import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { open, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ArgumentError, type ByteSource, FileError, throwIfAborted } from '../src/engine/index.ts';

/** A ByteSource over an open file; `close` gives the descriptor back. */
export interface FileSource extends ByteSource {
  close(): Promise<void>;
}

/** Bytes asked of the system at once: between two of these an abort is noticed. */
const CHUNK = 1 << 26;

/** Opens a regular file for reading by ranges. @throws FileError when there is none, or when it cannot be read. */
export async function fileSource(path: string): Promise<FileSource> {
  const handle = await open(path, 'r').catch((cause) => refuse(path, 'read', cause));
  const { size } = await handle
    .stat()
    .then((info) => {
      if (!info.isFile())
        throw new FileError(`${path}: must be a file but is ${info.isDirectory() ? 'a folder' : 'none'}`);
      return info;
    })
    .catch(async (cause) => {
      await handle.close();
      return refuse(path, 'read', cause);
    });
  return {
    name: path,
    size,
    async read(offset, length, signal) {
      if (!(
        Number.isSafeInteger(offset) &&
        Number.isSafeInteger(length) &&
        offset >= 0 &&
        length >= 0 &&
        offset + length <= size
      ))
        throw new ArgumentError(`[${path}] a range must lie in the file's ${size} bytes but is ${offset} + ${length}`);
      const bytes = new Uint8Array(length);
      for (let done = 0; done < length;) {
        throwIfAborted(signal, path);
        const most = Math.min(length - done, CHUNK);
        const { bytesRead } = await handle
          .read(bytes, done, most, offset + done)
          .catch((cause) => refuse(path, 'read', cause));
        if (bytesRead === 0)
          throw new FileError(`${path}: must have ${size} bytes as when it was opened but ends at ${offset + done}`);
        done += bytesRead;
      }
      return bytes;
    },
    close: () => handle.close(),
  };
}

/** What writing a file asks of the system; a test passes one that fails. */
export interface WriteCalls {
  open(path: string, flags: string): Promise<WriteHandle>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
}

export interface WriteHandle {
  writeFile(bytes: Uint8Array): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

const systemCalls: WriteCalls = { open, rename, remove: (path) => rm(path, { force: true }) };

/**
 * Writes `path` as a whole or not at all: a file beside it is written and flushed, then renamed. An existing file keeps its
 * content until that moment, a symbolic link is followed.
 * @throws FileError when any step fails; nothing is left beside the path then.
 */
export async function writeFileAtomic(path: string, bytes: Uint8Array, calls: WriteCalls = systemCalls): Promise<void> {
  const target = await realpath(path).catch(() => path);
  const existing = await stat(target).catch(() => undefined);
  if (existing && !existing.isFile())
    throw new FileError(`${path}: must be a file to write but is ${existing.isDirectory() ? 'a folder' : 'a device'}`);
  const beside = join(dirname(target), `.${basename(target)}.${randomUUID().slice(0, 8)}.part`);
  unfinished.add(beside);
  try {
    await withHandle(calls, beside, 'wx', async (file) => {
      await file.writeFile(bytes);
      await file.sync();
    });
    await calls.rename(beside, target);
    await syncFolder(dirname(target), calls);
  } catch (cause) {
    await calls.remove(beside).catch(() => undefined);
    return refuse(path, 'written', cause);
  } finally {
    unfinished.delete(beside);
  }
}

const unfinished = new Set<string>();

/** Removes what writes still under way have put beside their paths; for a process that ends without waiting for them. */
export function removeUnfinished(): void {
  for (const path of unfinished) rmSync(path, { force: true });
}

/** Flushes the rename itself. Windows and some network file systems cannot flush a folder: there the rename is all there is. */
async function syncFolder(folder: string, calls: WriteCalls): Promise<void> {
  try {
    await withHandle(calls, folder, 'r', (handle) => handle.sync());
  } catch (error) {
    if (!['EINVAL', 'ENOTSUP', 'EPERM', 'EISDIR', 'EACCES', 'EBADF'].includes(codeOf(error))) throw error;
  }
}

async function withHandle(
  calls: WriteCalls,
  path: string,
  flags: string,
  use: (handle: WriteHandle) => Promise<void>,
): Promise<void> {
  const handle = await calls.open(path, flags);
  try {
    await use(handle);
  } catch (error) {
    await handle.close().catch(() => undefined);
    throw error;
  }
  await handle.close();
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  EACCES: 'permission is denied',
  EPERM: 'permission is denied',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of its path is a file, not a folder',
  ENAMETOOLONG: 'its name is too long',
  EMFILE: 'too many files are open',
  EIO: 'the disk reported an error',
};

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';

/** Why the system refused, in words. */
export function reasonOf(cause: unknown): string {
  return reasons[codeOf(cause)] ?? (cause instanceof Error ? cause.message : String(cause));
}

function refuse(path: string, verb: 'read' | 'written', cause: unknown): never {
  if (cause instanceof FileError) throw cause;
  throw new FileError(`${path}: cannot be ${verb}: ${reasonOf(cause)}`, { cause });
}
