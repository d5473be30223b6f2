/** The store of models between tabs: fetched once, used together, deleted by nobody who is not alone, verified and repaired. */
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { AbortError, FileError } from '../../../src/engine/index.ts';
import { embeddedModel } from '../../../node/model.ts';
import {
  type CacheHost,
  deleteIn,
  ensureIn,
  folderUrl,
  isCachedIn,
  listCached,
  useIn,
  verifyIn,
} from '../../../web/cache.ts';
import { StorageError } from '../../../web/errors.ts';
import { type FileSet, type OpenProgress, openModelFiles } from '../../../web/files.ts';
import { type Served, serveFolder } from '../../support/hostile_server.ts';
import { MemoryLocks } from './memory_locks.ts';
import { MemoryStore } from './memory_store.ts';

const files: Record<string, Uint8Array> = {};
let served: Served;
let store: MemoryStore;
let host: CacheHost;
beforeAll(async () => {
  for (const name of await readdir(embeddedModel())) files[name] = await readFile(join(embeddedModel(), name));
  served = await serveFolder(files);
});
afterAll(() => served.close());
beforeEach(() => {
  store = new MemoryStore();
  host = {
    fetch: (url, init) => fetch(url, init),
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, Math.min(ms, 20))),
    patience: 20_000,
    parallel: 3,
    store,
    free: async () => undefined,
    locks: new MemoryLocks() as unknown as LockManager,
  };
  served.requests.length = 0;
});
let used: FileSet | undefined;
afterEach(() => used?.release?.());

const never: FileSet = {
  name: 'nothing',
  names: [],
  open: () => Promise.reject(new Error('the embedded model is not needed')),
};

it('opens a model from what was downloaded, without the network the next time', async () => {
  expect(await isCachedIn(host, served.url)).toBe(false);
  await ensureIn(host, served.url);
  expect(await isCachedIn(host, served.url)).toBe(true);
  const before = served.requests.length;
  await ensureIn(host, served.url);
  used = await useIn(host, served.url);
  const model = await openModelFiles(used, never);
  expect(model.config.name).toBe('harmon-tiny');
  expect(model.weights.tensors.size).toBe(518);
  expect(served.requests.length).toBe(before);
  const { name, hash, bytes, present, url } = (await listCached(host))[0];
  expect([name, url, present]).toEqual(['harmon-tiny', served.url, bytes]);
  expect(hash).toMatch(/^9f03f810/);
});

it('fetches once for two tabs; the one that waits is told so', async () => {
  const tabs: OpenProgress[][] = [[], []];
  let told: () => void = () => undefined;
  const waiting = new Promise<void>((resolve) => (told = resolve));
  const { fetch } = host;
  host = {
    ...host,
    fetch: async (url, init) => (/overtone\.json$/.test(url) ? null : await waiting, fetch(url, init)),
  };
  const open = (seen: OpenProgress[]) =>
    ensureIn(host, served.url, {
      onProgress(progress) {
        seen.push(progress);
        if (progress.phase === 'wait') told();
      },
    });
  await Promise.all(tabs.map(open));
  const paths = served.requests.map(({ path, range }) => `${path} ${range}`);
  expect(new Set(paths).size).toBe(paths.length);
  const phases = tabs.map((seen) => [...new Set(seen.map(({ phase }) => phase))].join(' '));
  expect(phases.sort()).toEqual(['download', 'wait']); // either may be the first to ask
});

it('stops waiting for another tab at an abort', async () => {
  const stop = new AbortController();
  const first = ensureIn(host, served.url);
  const second = ensureIn(host, served.url, { signal: stop.signal });
  stop.abort();
  await expect(second).rejects.toThrow(AbortError);
  await first;
});

it('refuses to delete or verify what is in use, and does when it is not', async () => {
  await ensureIn(host, served.url);
  used = await useIn(host, served.url);
  const other = await useIn(host, served.url);
  await expect(deleteIn(host, served.url)).rejects.toThrow(/must be free to be deleted but is in use: close the tabs/);
  await expect(verifyIn(host, served.url)).rejects.toThrow(StorageError);
  used.release!();
  await expect(deleteIn(host, served.url)).rejects.toThrow(StorageError);
  other.release!();
  await new Promise((resolve) => setTimeout(resolve));
  await deleteIn(host, served.url);
  expect(await isCachedIn(host, served.url)).toBe(false);
  expect([store.used, await listCached(host)]).toEqual([0, []]);
  await expect(useIn(host, served.url)).rejects.toThrow(/must be stored whole but is not/);
});

it('finds damage, forgets it, and fetches only that again', async () => {
  await ensureIn(host, served.url);
  expect(await verifyIn(host, served.url)).toEqual({ chunks: 11, damaged: 0 });
  const [[key]] = store.folders;
  const file = await (await store.folder(key))!.open('data-kl16_tiny.ckpt');
  file.write(new Uint8Array([1, 2, 3]), 5_000_000);
  file.close();
  expect(await isCachedIn(host, served.url)).toBe(true); // as far as anybody knows
  const seen: number[] = [];
  const onProgress = ({ phase, done, total }: OpenProgress) => phase === 'verify' && seen.push(done / total);
  expect(await verifyIn(host, served.url, { onProgress })).toEqual({ chunks: 11, damaged: 1 });
  expect(seen.at(-1)).toBe(1);
  expect(await isCachedIn(host, served.url)).toBe(false);
  served.requests.length = 0;
  await ensureIn(host, served.url);
  expect(served.requests.map(({ path, range }) => `${path} ${range}`)).toEqual([
    'overtone.json ',
    'kl16_tiny.ckpt bytes=4194304-8388607',
  ]);
  expect(await verifyIn(host, served.url)).toEqual({ chunks: 11, damaged: 0 });
});

it('says that what was never stored cannot be verified', () =>
  expect(verifyIn(host, served.url)).rejects.toThrow(/must be stored to be verified but is not/));

it.each([
  ['https://host/models/harmon', 'https://host/models/harmon/'],
  ['https://host/models/harmon/', 'https://host/models/harmon/'],
  ['https://host/models/harmon/overtone.json', 'https://host/models/harmon/'],
  ['harmon', 'https://page/app/harmon/'],
  ['/m?x=1#y', 'https://page/m/'],
])('takes %s for %s', (url, folder) => expect(folderUrl(url, 'https://page/app/index.html')).toBe(folder));

it.each(['file:///etc', 'javascript:alert(1)', 'data:text/plain,x', 'http://'])('refuses %s', (url) =>
  expect(() => folderUrl(url)).toThrow(FileError),
);
