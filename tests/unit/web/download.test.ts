/** Downloads: whole whatever the server, the tab and the storage do, and never anything but what the manifest lists. */
import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AbortError, FileError } from '../../../src/engine/index.ts';
import { MANIFEST, type Manifest, manifestText } from '../../../src/harmon/manifest.ts';
import { type DownloadHost, download, stored } from '../../../web/download/download.ts';
import { StorageError } from '../../../web/errors.ts';
import { type Behaviour, type Served, behaviours, once, serveFolder } from '../../support/hostile_server.ts';
import { MemoryStore } from './memory_store.ts';

const CHUNK = 256 * 1024;
const bytesOf = (length: number, seed: number) => Uint8Array.from({ length }, (_, i) => (i * seed) ^ (i >> 8));
const hex = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const data: Record<string, Uint8Array> = {
  'model.safetensors': bytesOf(3 * CHUNK + 5000, 7),
  'config.json': bytesOf(700, 3),
};
const manifest: Manifest = {
  model: { name: 'test', hash: 'ab'.repeat(32), weights: 'f32' },
  chunkBytes: CHUNK,
  files: Object.entries(data).map(([name, bytes]) => ({
    name,
    bytes: bytes.length,
    chunks: Array.from({ length: Math.ceil(bytes.length / CHUNK) }, (_, i) =>
      hex(bytes.subarray(i * CHUNK, (i + 1) * CHUNK)),
    ),
  })),
};
const folder = { ...data, [MANIFEST]: new TextEncoder().encode(manifestText(manifest)) };
const SIZE = Object.values(data).reduce((sum, { length }) => sum + length, 0);

let store: MemoryStore;
let served: Served | undefined;
let slept: number[];
let patience: number;
beforeEach(() => {
  store = new MemoryStore();
  slept = [];
  patience = 20_000;
});
afterEach(() => served?.close());

const host = (): DownloadHost => ({
  fetch: (url, init) => fetch(url, init),
  sleep: async (ms) => void slept.push(ms),
  patience,
  parallel: 2,
  store,
  free: async () => store.quota - store.used,
});
const get = (url = served!.url, options = {}, parallel = 2) => download({ ...host(), parallel }, url, 'key', options);
const isWhole = async () => (await stored(await store.folder('key')))?.complete ?? false;
async function expectWhole(): Promise<void> {
  expect(await isWhole()).toBe(true);
  for (const [name, bytes] of Object.entries(data)) {
    const blob = await (await store.folder('key'))!.blob(`data-${name}`);
    expect(hex(new Uint8Array(await blob!.arrayBuffer())), name).toBe(hex(bytes));
  }
}

it('brings a folder whole into the store, by ranges, and tells how far it is', async () => {
  served = await serveFolder(folder);
  const seen: number[] = [];
  await get(served.url, { onProgress: (done: number, total: number) => seen.push(done / total) });
  await expectWhole();
  expect([seen[0], seen.at(-1)]).toEqual([0, 1]);
  expect(seen).toEqual([...seen].sort((a, b) => a - b));
  const ranges = served.requests.filter(({ path }) => path === 'model.safetensors').map(({ range }) => range);
  expect(ranges.length).toBe(4);
  expect(ranges).toContain(`bytes=0-${CHUNK - 1}`);
  expect(served.requests.every(({ authorization }) => authorization === undefined)).toBe(true);
});

/** What becomes of each behaviour when the server shows it for every request of the file, by the end of the sentence; whole without. */
const verdicts: Record<keyof typeof behaviours, RegExp | undefined> = {
  'ignores ranges': undefined,
  'says another range': /must send bytes \d+-\d+ of \d+ but says "bytes/,
  'sends a short body': /must send \d+ bytes but ended after/,
  'sends a long body': /must send \d+ bytes from \d+ on but sends more/,
  'compresses the range': undefined,
  'compresses the file and cuts that': /./,
  'has another file midway': /must have the bytes that the model's list gives a hash of but has others, three times/,
  'has no such range': /must be as long as the model's list says but is shorter/,
  'is busy': /the server must answer but says 429: try again later/,
  'is broken': /the server must answer but says 500: try again later/,
  stalls: /must send something but was silent/,
  'resets after 64 KiB': undefined,
  'redirects in a circle': /the connection must hold but broke/,
  'sends a web page': /must be a file of the model but is a web page/,
  'sends bytes twice': /must have the bytes that the model's list gives a hash of but has others/,
  'flips a bit': /must have the bytes that the model's list gives a hash of but has others/,
  drips: /must send something but was silent/,
  'is gone': /must be there but the server answered 404: check the address/,
};
const cases = Object.entries(behaviours).map(
  ([name, behaviour]) => [name, behaviour] as [keyof typeof verdicts, Behaviour],
);

const slow = ['stalls', 'drips'];

describe('a server that always', () => {
  it.each(cases)('%s', async (name, behaviour) => {
    if (slow.includes(name)) patience = 150;
    served = await serveFolder(folder, 'model.safetensors', behaviour);
    const verdict = verdicts[name];
    if (!verdict) {
      await get();
      return expectWhole();
    }
    const error: unknown = await get().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(FileError);
    expect((error as Error).message).toMatch(verdict);
    expect((error as Error).message).toContain('/model/model.safetensors: ');
    expect(await isWhole()).toBe(false);
    await served.close();
    patience = 20_000;
    served = await serveFolder(folder); // what is whole stays, and the rest comes from a good one
    await get();
    await expectWhole();
  });
});

describe('a server that once', () => {
  const fatal = ['has no such range', 'sends a web page', 'is gone'];
  it.each(cases.filter(([name]) => !fatal.includes(name)))('%s', async (name, behaviour) => {
    if (slow.includes(name)) patience = 2000;
    served = await serveFolder(folder, 'model.safetensors', once(behaviour));
    await get();
    await expectWhole();
  });
});

it('waits as long as the server asks, and no longer than a minute', async () => {
  served = await serveFolder(folder, 'model.safetensors', once(behaviours['is busy']));
  await get();
  expect(slept).toEqual([2000]);
  await served.close();
  store = new MemoryStore();
  slept = [];
  const long: Behaviour = ({ response }) => void response.writeHead(503, { 'Retry-After': '100000' }).end();
  served = await serveFolder(folder, 'model.safetensors', once(long));
  await get();
  expect(slept).toEqual([60_000]);
});

it('follows a redirect to another host, which gets nothing of the page', async () => {
  const other = await serveFolder(folder);
  const moved: Behaviour = ({ response }) =>
    void response.writeHead(302, { Location: `${other.url.replace('127.0.0.1', 'localhost')}model.safetensors` }).end();
  served = await serveFolder(folder, 'model.safetensors', moved);
  try {
    await get();
    await expectWhole();
    expect(other.requests.length).toBe(4);
    expect(other.requests.every(({ authorization }) => authorization === undefined)).toBe(true);
  } finally {
    await other.close();
  }
});

it.each<[string, Uint8Array | undefined, RegExp]>([
  ['none', undefined, /overtone\.json: must be there but the server answered 404: check the address/],
  ['a web page', new TextEncoder().encode('<html>'), /must be JSON but .*; the address must be that of a folder/],
  ['another JSON', new TextEncoder().encode('{}'), /must be a list of a model's files .*; the address must be that/],
])('says that the list of files is %s', async (_, list, sentence) => {
  const { [MANIFEST]: _list, ...rest } = folder;
  served = await serveFolder(list ? { ...rest, [MANIFEST]: list } : rest);
  await expect(get()).rejects.toThrow(sentence);
  expect(store.used).toBe(0);
});

it('goes on after the tab died at any change of the store, and fetches at most one chunk again', async () => {
  served = await serveFolder(folder);
  await get();
  const changes = store.calls.length;
  for (let n = 1; n <= changes; n++) {
    store = new MemoryStore();
    store.failAt = n;
    store.failure = () => new Error('the tab is gone');
    served.sent = 0;
    await expect(get(served.url, {}, 1)).rejects.toThrow(StorageError);
    const first = served.sent;
    store.crash();
    store.failAt = 0;
    const before = (await stored(await store.folder('key')))?.bytes ?? 0;
    expect(first - folder[MANIFEST].length - before, `lost at change ${n}`).toBeLessThanOrEqual(CHUNK);
    served.sent = 0;
    await get(served.url, {}, 1);
    await expectWhole();
    expect(served.sent - folder[MANIFEST].length, `after change ${n}`).toBe(SIZE - before);
  }
  expect(changes).toBeGreaterThan(15);
});

it('keeps every chunk but those on their way when the tab dies after each', async () => {
  served = await serveFolder(folder);
  let fetched = 0;
  for (let round = 0; round < 10 && !(await isWhole()); round++) {
    store.calls.length = 0;
    store.failAt = round === 0 ? 16 : 9; // soon after a chunk or two
    store.failure = () => new Error('the tab is gone');
    served.sent = 0;
    await get().catch(() => undefined);
    fetched += served.sent - folder[MANIFEST].length;
    store.crash();
  }
  store.failAt = 0;
  await expectWhole();
  expect(fetched).toBeLessThan(SIZE + 10 * 2 * CHUNK);
});

it('says how much room is missing before it starts', async () => {
  served = await serveFolder(folder);
  store.quota = SIZE - 1;
  const error = (await get().catch((thrown: unknown) => thrown)) as StorageError;
  expect(error).toBeInstanceOf(StorageError);
  expect(error.room).toEqual({ needed: SIZE, free: SIZE - 1 });
  expect(error.message).toMatch(/test needs 0\.00 GB but the browser gives this page 0\.00 GB: delete another model/);
  expect(served.requests.map(({ path }) => path)).toEqual([MANIFEST]);
});

it('says so when the storage is full while a file comes in one stream', async () => {
  served = await serveFolder(folder, 'model.safetensors', behaviours['ignores ranges']);
  store.failAt = 25; // the second chunk
  await expect(get(served.url, {}, 1)).rejects.toThrow(
    /the browser must have room for \d\.\d\d GB of the model but is full/,
  );
  expect(served.requests.length).toBe(3);
  await get();
  await expectWhole();
});

it('keeps what is whole when the storage is full at any change, and goes on when there is room', async () => {
  served = await serveFolder(folder);
  for (const n of [1, 4, 9, 14, 19, 22, 24]) {
    store = new MemoryStore();
    store.failAt = n;
    await expect(get()).rejects.toThrow(/the browser must have room for \d\.\d\d GB of the model but is full/);
    store.failAt = 0;
    await get();
    await expectWhole();
  }
});

it('fetches again what was cut or lost behind its back', async () => {
  served = await serveFolder(folder);
  await get();
  const file = await (await store.folder('key'))!.open('data-model.safetensors');
  file.truncate(CHUNK + 1);
  file.close();
  expect(await isWhole()).toBe(false);
  served.sent = 0;
  await get();
  await expectWhole();
  expect(served.sent - folder[MANIFEST].length).toBe(2 * CHUNK + 5000);
});

it('starts anew when the folder has another list', async () => {
  served = await serveFolder(folder);
  await get();
  await served.close();
  const other = { ...manifest, model: { ...manifest.model, name: 'other' } };
  served = await serveFolder({ ...folder, [MANIFEST]: new TextEncoder().encode(manifestText(other)) });
  await get();
  await expectWhole();
  expect(served.sent).toBeGreaterThan(SIZE);
});

it('stops at an abort, at once, with what is whole kept', async () => {
  served = await serveFolder(folder, 'model.safetensors', behaviours.drips);
  const stop = new AbortController();
  const getting = get(served.url, { signal: stop.signal });
  setTimeout(() => stop.abort(), 40);
  await expect(getting).rejects.toThrow(AbortError);
  await served.close();
  await expect(get(served.url, { signal: AbortSignal.abort() })).rejects.toThrow(AbortError);
  served = await serveFolder(folder);
  await get();
  await expectWhole();
});

it('fails when every n-th request does, and is whole with the next', async () => {
  served = await serveFolder(folder);
  for (let n = 1; n <= 6; n++) {
    store = new MemoryStore();
    let calls = 0;
    const failing: DownloadHost = {
      ...host(),
      fetch: async (url, init) => {
        if (++calls === n) throw new TypeError('network error');
        return fetch(url, init);
      },
    };
    await download(failing, served.url, 'key');
    await expectWhole();
    expect(calls).toBe(7);
  }
});
