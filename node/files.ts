/** Files for Node: reading by ranges, and writing so that a name never stands for half a file. */
import { randomUUID } from 'node:crypto';
import { type Stats, constants, rmSync } from 'node:fs';
import { mkdir, open, readdir, readlink, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { crc32 } from 'node:zlib';
import { ArgumentError, type ByteSource, FileError, OvertoneError, throwIfAborted } from '../src/engine/index.ts';

/** A ByteSource over an open file; `close` gives the descriptor back. */
export interface FileSource extends ByteSource {
  close(): Promise<void>;
}

/** Bytes asked of the system at once: between two of these an abort is noticed. */
const CHUNK = 1 << 26;

/** Opening a pipe for reading waits for a writer, unless it is told not to. */
const READ = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/** Opens a regular file for reading by ranges. @throws FileError when there is none, or when it cannot be read. */
export async function fileSource(path: string): Promise<FileSource> {
  const handle = await open(path, READ).catch((cause) => refuse(path, 'read', cause));
  const { size } = await handle
    .stat()
    .then((info) => {
      if (!info.isFile()) throw new FileError(`${path}: must be a file but is ${kindOf(info)}`);
      return info;
    })
    .catch(async (cause) => {
      await handle.close();
      return refuse(path, 'read', cause);
    });
  return {
    name: path,
    size,
    crc32,
    async read(offset, length, signal, into) {
      if (!(
        Number.isSafeInteger(offset) &&
        Number.isSafeInteger(length) &&
        offset >= 0 &&
        length >= 0 &&
        offset + length <= size
      ))
        throw new ArgumentError(`[${path}] a range must lie in the file's ${size} bytes but is ${offset} + ${length}`);
      const bytes = into && into.byteLength >= length ? into.subarray(0, length) : new Uint8Array(length);
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

const kindOf = (info: Stats): string => (info.isDirectory() ? 'a folder' : info.isFIFO() ? 'a pipe' : 'a device');

/** What writing a file asks of the system; a test passes one that fails. */
export interface WriteCalls {
  open(path: string, flags: string): Promise<WriteHandle>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
}

export interface WriteHandle {
  writeFile(bytes: Uint8Array): Promise<void>;
  chmod(mode: number): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

const systemCalls: WriteCalls = { open, rename, remove: (path) => rm(path, { force: true }) };

/**
 * Writes `path` as a whole or not at all: a file beside it is written and flushed, then renamed. An existing file keeps its
 * content until that moment and its permissions after it; a symbolic link is followed, also one that leads to no file yet.
 * Bytes may come in parts; what making them throws is thrown on.
 * @throws FileError when any step fails; nothing is left beside the path then.
 */
export async function writeFileAtomic(
  path: string,
  bytes: Uint8Array | AsyncIterable<Uint8Array>,
  calls: WriteCalls = systemCalls,
): Promise<void> {
  const target = await targetOf(path);
  const existing = await stat(target).catch(() => undefined);
  if (existing && !existing.isFile())
    throw new FileError(`${path}: must be a file to write but is ${kindOf(existing)}`);
  const beside = join(dirname(target), partName());
  unfinished.add(beside);
  try {
    await withHandle(calls, beside, 'wx', async (file) => {
      if (bytes instanceof Uint8Array) await file.writeFile(bytes);
      else for await (const part of bytes) await file.writeFile(part);
      if (existing) await unlessUnsupported(file.chmod(existing.mode & 0o777));
      await file.sync();
    });
    await calls.rename(beside, target);
    await syncFolder(dirname(target), calls);
  } catch (cause) {
    await calls.remove(beside).catch(() => undefined);
    if (cause instanceof OvertoneError) throw cause; // from what was to be written
    return refuse(path, 'written', cause);
  } finally {
    unfinished.delete(beside);
  }
}

/** Where a path leads: links are followed, also to a file that is not there yet. @throws FileError for a circle of links. */
export async function targetOf(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (cause) {
    if (codeOf(cause) !== 'ENOENT') return refuse(path, 'written', cause);
  }
  const link = await readlink(path).catch(() => undefined);
  return link === undefined ? path : targetOf(resolve(await realpath(dirname(path)), link));
}

const TRIAL_CHUNK = 1 << 20;

/** Writes `size` bytes into a file in `folder` and removes it. @throws what the system says to it, AbortError. */
export async function tryBytes(
  folder: string,
  size: number,
  signal?: AbortSignal,
  calls: WriteCalls = systemCalls,
): Promise<void> {
  const trial = join(folder, partName());
  unfinished.add(trial);
  try {
    await withHandle(calls, trial, 'wx', async (file) => {
      for (let left = size; left > 0; left -= TRIAL_CHUNK) {
        throwIfAborted(signal, folder);
        await file.writeFile(new Uint8Array(Math.min(left, TRIAL_CHUNK)));
      }
    });
  } finally {
    await calls.remove(trial).catch(() => undefined);
    unfinished.delete(trial);
  }
}

/** A name of its own for what is not whole yet: short, so that the name it stands in for may be as long as names get. */
const partName = (): string => `.overtone-${randomUUID().slice(0, 8)}.part`;

/** Makes a folder and those above it. Node's own recursive mkdir never returns where the system makes no folders, as under /proc. */
export async function makeFolder(folder: string): Promise<void> {
  const parent = dirname(folder);
  try {
    await mkdir(folder);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' || parent === folder) return unlessFolder(folder, error);
    await makeFolder(parent);
    await mkdir(folder).catch((cause: unknown) => unlessFolder(folder, cause)); // another may have made it meanwhile
  }
}

async function unlessFolder(path: string, error: unknown): Promise<void> {
  if (!(await stat(path).catch(() => undefined))?.isDirectory()) throw error;
}

const PART = /^\.overtone-[\da-f]{8}\.part$/;
const STALE_MS = 600_000;

/** Removes what killed processes have left in a folder: parts that nobody has written to for ten minutes. */
export async function removeStaleParts(folder: string): Promise<void> {
  for (const name of (await readdir(folder).catch(() => [])).filter((entry) => PART.test(entry))) {
    const path = join(folder, name);
    const written = (await stat(path).catch(() => undefined))?.mtimeMs ?? Infinity;
    if (written < Date.now() - STALE_MS) await rm(path, { force: true }).catch(() => undefined);
  }
}

const unfinished = new Set<string>();

/** Removes what writes still under way have put beside their paths; for a process that ends without waiting for them. */
export function removeUnfinished(): void {
  for (const path of unfinished) rmSync(path, { force: true });
}

/** Flushes the rename itself. Windows and some network file systems cannot flush a folder: there the rename is all there is. */
export const syncFolder = (folder: string, calls: WriteCalls = systemCalls): Promise<void> =>
  unlessUnsupported(withHandle(calls, folder, 'r', (handle) => handle.sync()));

/** Waits for a step that some file systems do not know. */
async function unlessUnsupported(step: Promise<void>): Promise<void> {
  try {
    await step;
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
  EEXIST: 'there is a file of that name',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of its path is a file, not a folder',
  ENAMETOOLONG: 'its name is too long',
  ELOOP: 'its links lead in a circle',
  EFBIG: 'it would be larger than this system lets a file be',
  ENXIO: 'it is a socket or a device that is not there',
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
