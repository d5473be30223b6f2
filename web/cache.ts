/**
 * Downloaded models: kept in the origin's private file system, pinned as they were downloaded until they are deleted, and guarded by locks, so that
 * two tabs fetch a model once and none deletes it under another.
 */
import { AbortError, type ByteSource, FileError, throwIfAborted } from '../src/engine/index.ts';
import { chunkRange, manifestBytes } from '../src/harmon/manifest.ts';
import { sha256 } from './download/chunk.ts';
import { ADDRESS, type DownloadHost, JOURNAL, download, stored } from './download/download.ts';
import { Journal, chunkKey, chunksOf, dataName } from './download/journal.ts';
import { opfs } from './download/opfs.ts';
import { StorageError } from './errors.ts';
import { type FileSet, type OpenFilesOptions, blobSource } from './files.ts';

/** Locks between the tabs of an origin; tests bring their own. */
export type Locks = Pick<LockManager, 'request'>;

export interface CacheHost extends DownloadHost {
  readonly locks: Locks;
}

/** A model in the store. */
export interface CachedModel {
  readonly url: string;
  /** The configuration's name and the hash of the weights. */
  readonly name: string;
  readonly hash: string;
  /** Bytes in all, and those that are there and were verified. */
  readonly bytes: number;
  readonly present: number;
}

/** The browser's network, store and locks. */
export const browserHost = (): CacheHost => ({
  fetch: (url, init) => fetch(url, init),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(resolve, ms);
      const leave = () => {
        clearTimeout(timer);
        reject(new AbortError('download', { cause: signal?.reason }));
      };
      signal?.addEventListener('abort', leave, { once: true });
    }),
  patience: 30_000,
  parallel: 3,
  store: opfs,
  async free() {
    const { quota, usage } = (await navigator.storage?.estimate?.()) ?? {};
    return quota === undefined || usage === undefined ? undefined : quota - usage;
  },
  locks: navigator.locks,
});

/** The address of a folder as it is kept: absolute, with a slash at its end. @throws FileError for one that is none of the web's. */
export function folderUrl(url: string, base?: string): string {
  if (!URL.canParse(url, base) || !/^https?:$/.test(new URL(url, base).protocol))
    throw new FileError(`${url}: must be an http or https address of a converted folder but is not: check the address`);
  const parsed = new URL(url, base);
  const path = parsed.pathname.replace(/\/overtone\.json$/, '/').replace(/([^/])$/, '$1/');
  return parsed.origin + path;
}

const keyOf = async (url: string): Promise<string> => (await sha256(new TextEncoder().encode(url))).slice(0, 32);
const lockName = (key: string): string => `overtone-model ${key}`;

/** Whether all of a folder was downloaded and verified. */
export async function isCachedIn(host: CacheHost, url: string): Promise<boolean> {
  const has = await stored(await host.store.folder(await keyOf(url)));
  return has?.complete ?? false;
}

/** Every model in the store, whole or not. */
export async function listCached(host: CacheHost): Promise<CachedModel[]> {
  const models: CachedModel[] = [];
  for (const key of await host.store.keys()) {
    const folder = await host.store.folder(key);
    const has = await stored(folder);
    const url = await (await folder?.blob(ADDRESS))?.text();
    if (!has || !url) continue;
    const { name, hash } = has.manifest.model;
    models.push({ url, name, hash, bytes: manifestBytes(has.manifest), present: has.bytes });
  }
  return models;
}

/** Deletes a model. @throws StorageError while a tab uses or downloads it. */
export async function deleteIn(host: CacheHost, url: string): Promise<void> {
  const key = await keyOf(url);
  await host.locks.request(lockName(key), { ifAvailable: true }, async (lock) => {
    if (!lock)
      throw new StorageError(`[storage] ${url} must be free to be deleted but is in use: close the tabs that use it`);
    await host.store.remove(key);
  });
}

/**
 * Reads all of a stored model again and forgets the chunks that are not as the manifest lists them, so that the next opening fetches those. Only in a
 * worker. @throws StorageError when nothing is stored or a tab uses it, AbortError.
 */
export async function verifyIn(
  host: CacheHost,
  url: string,
  { signal, onProgress }: OpenFilesOptions = {},
): Promise<{ readonly chunks: number; readonly damaged: number }> {
  const key = await keyOf(url);
  return host.locks.request(lockName(key), { ifAvailable: true }, async (lock) => {
    if (!lock)
      throw new StorageError(`[storage] ${url} must be free to be verified but is in use: close the tabs that use it`);
    const folder = await host.store.folder(key);
    const has = await stored(folder);
    if (!folder || !has) throw new StorageError(`[storage] ${url} must be stored to be verified but is not: open it`);
    const { manifest, hash } = has;
    const total = manifestBytes(manifest);
    const good: (readonly [number, number])[] = [];
    let done = 0;
    for (const [file, chunk] of chunksOf(manifest)) {
      throwIfAborted(signal, 'verify');
      const entry = manifest.files[file];
      const { offset, length } = chunkRange(entry, manifest.chunkBytes, chunk);
      if (has.whole.has(chunkKey(file, chunk))) {
        const blob = (await folder.blob(dataName(entry.name)))!.slice(offset, offset + length);
        const bytes = new Uint8Array(await blob.arrayBuffer());
        if ((await sha256(bytes)) === entry.chunks[chunk]) good.push([file, chunk]);
      }
      onProgress?.({ phase: 'verify', done: (done += length), total });
    }
    const damaged = has.whole.size - good.length;
    if (damaged > 0) {
      const journal = Journal.open(await folder.open(JOURNAL), hash);
      try {
        journal.rewrite(hash, good);
      } finally {
        journal.close();
      }
    }
    return { chunks: good.length + damaged, damaged };
  });
}

/**
 * Brings a folder into the store unless it is there; another tab that is doing so is waited for. Only in a worker.
 * @throws as `download`.
 */
export async function ensureIn(
  host: CacheHost,
  url: string,
  { signal, onProgress }: OpenFilesOptions = {},
): Promise<void> {
  if (await isCachedIn(host, url)) return;
  const key = await keyOf(url);
  let mine = false;
  const watch = async (): Promise<void> => {
    while (!mine && !signal?.aborted) {
      const has = await stored(await host.store.folder(key));
      if (has && !mine) onProgress?.({ phase: 'wait', done: has.bytes, total: manifestBytes(has.manifest) });
      await host.sleep(1000, signal);
    }
  };
  const watching = watch().catch(() => undefined);
  try {
    await host.locks.request(lockName(key), { signal }, async () => {
      mine = true;
      if (await isCachedIn(host, url)) return;
      await download(host, url, key, {
        signal,
        onProgress: (done, total) => onProgress?.({ phase: 'download', done, total }),
      });
    });
  } catch (error) {
    throwIfAborted(signal, 'download');
    throw error;
  } finally {
    mine = true;
    void watching;
  }
}

/** The files of a stored model, which stays in use until `release`. @throws StorageError when it is not whole. */
export async function useIn(host: CacheHost, url: string): Promise<FileSet> {
  const key = await keyOf(url);
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  return new Promise((resolve, reject) => {
    host.locks
      .request(lockName(key), { mode: 'shared' }, async () => {
        const folder = await host.store.folder(key);
        const has = await stored(folder);
        if (!folder || !has?.complete)
          throw new StorageError(`[storage] ${url} must be stored whole but is not: open it again`);
        const names = has.manifest.files.map(({ name }) => name);
        const open = async (name: string): Promise<ByteSource> => {
          const blob = await folder.blob(dataName(name));
          if (!blob) throw new StorageError(`[storage] ${name} of ${url} was deleted by the browser: open it again`);
          return blobSource(name, blob);
        };
        resolve({ name: url, names, open, release });
        await held;
      })
      .catch(reject);
  });
}
