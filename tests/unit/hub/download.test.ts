/** Models by name: what is fetched, pinned, kept, shared between processes and used again without the hub. */
import { readFileSync, readdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fetchSingle, hubContents } from '../../../node/hub/download.ts';
import { parseHubName } from '../../../node/hub/name.ts';
import { localPaths } from '../../../node/hub/paths.ts';
import { AbortError, ArgumentError, FileError } from '../../../src/engine/index.ts';
import {
  CHUNK,
  COMMIT,
  REPO,
  cache,
  converted,
  expectFiles,
  get,
  host,
  hub,
  named,
  published,
  serve,
  sharded,
  slept,
  wanted,
} from './support.ts';

const bytesIn = (files: Readonly<Record<string, Uint8Array>>) =>
  Object.values(files).reduce((sum, { length }) => sum + length, 0);

describe('what is fetched', () => {
  it.each([
    ['a published model', published, wanted, 'harmon_0.5b.pth', 'kl16.ckpt'],
    ['a folder of shards', sharded, sharded, 'model.safetensors.index.json', undefined],
    ['a converted folder', { ...converted, 'other.bin': new Uint8Array(9) }, converted, 'model.safetensors', undefined],
  ])('of %s: its files, once, under a folder of the commit', async (_, files, fetched, model, vae) => {
    await serve({ files });
    const { folder, commit, checkpoint, vae: vaePath } = await get();
    expect([commit, checkpoint, vaePath]).toEqual([COMMIT, join(folder, model), vae && join(folder, vae)]);
    expect(folder.startsWith(cache)).toBe(true);
    expectFiles(folder, fetched);
    const before = hub.requests.length;
    await get();
    expect(hub.requests.slice(before).map(({ path }) => path.split('?')[0])).toEqual([
      `/api/models/${REPO}/revision/main`, // what main means, and nothing else
    ]);
    expect(slept).toEqual([]);
  });

  it('tells how many bytes are here, from first to last', async () => {
    await serve({ files: published });
    const seen: number[][] = [];
    await get({}, { onDownload: (done, total) => seen.push([done, total]) });
    const total = bytesIn(wanted);
    expect([seen[0], seen.at(-1)]).toEqual([
      [0, total],
      [total, total],
    ]);
    expect(seen.map(([done]) => done)).toEqual(seen.map(([done]) => done).sort((a, b) => a - b));
    seen.length = 0;
    await get({}, { onDownload: (done, all) => seen.push([done, all]) });
    expect(seen).toEqual([]);
  });

  it('one file by its name, and which are here', async () => {
    await serve({ files: published });
    const name = parseHubName(`hf:${REPO}/kl16.ckpt`, '--vae', 'file');
    const path = await fetchSingle(name, { host: host() });
    expect(readFileSync(path).equals(published['kl16.ckpt'])).toBe(true);
    const { files } = await hubContents(named(), { host: host() });
    expect(files.map(({ name: file, isHere }) => [file, isHere])).toEqual([
      ['tokenizer.json', false],
      ['harmon_0.5b.pth', false],
      ['kl16.ckpt', true],
    ]);
    const none = parseHubName(`hf:${REPO}/none.pth`, '--checkpoint', 'file');
    await expect(fetchSingle(none, { host: host() })).rejects.toThrow(/there is none: it has README.md, harmon_0.5b/);
  });

  it('leaves out what is named elsewhere', async () => {
    await serve({ files: published });
    const paths = { model: `hf:${REPO}`, checkpoint: '/my/own.pth', quantise: 'q8' as const };
    const local = await localPaths(paths, { host: host() });
    expect(local).toMatchObject({ checkpoint: '/my/own.pth', quantise: 'q8', vae: undefined });
    expect(readdirSync(local.model!)).toEqual(['tokenizer.json']);
  });

  it.each([
    [{ 'a.pth': published['kl16.ckpt'] }, /must hold the tokenizer.json of Qwen2.5 but does not: name it with/],
    [
      { ...published, 'b.pth': new Uint8Array(1) },
      /has 2 \(b.pth, harmon_0.5b.pth\): name one with --checkpoint hf:overtone\/small\/FILE/,
    ],
    [{ 'tokenizer.json': new Uint8Array(2) }, /must hold one file of the model's weights but has none/],
    [{ ...sharded, 'model-00002-of-00002.safetensors': undefined! }, /has no model-00002-of-00002.safetensors/],
    [{ ...sharded, 'Tokenizer.json': new Uint8Array(2), 'CONFIG.json': new Uint8Array(2) }, undefined],
  ])('case %#: refuses what makes no model before it fetches weights', async (files, sentence) => {
    await serve({ files: Object.fromEntries(Object.entries(files).filter(([, bytes]) => bytes !== undefined)) });
    if (sentence) await expect(get()).rejects.toThrow(sentence);
    else await get();
    if (sentence) expect(hub.cdn.requests).toEqual([]);
  });
});

describe('pinning', () => {
  it('takes the commit that main means now, and files of equal content from the one before', async () => {
    await serve({ files: published });
    await get();
    const sent = hub.cdn.sent;
    hub.commit = 'd'.repeat(40);
    const { folder, commit } = await get();
    expect(commit).toBe(hub.commit);
    expectFiles(folder, wanted);
    expect(hub.cdn.sent).toBe(sent);
  });

  it('asks nothing of the hub for a commit that is here', async () => {
    await serve({ files: published });
    await get({}, {}, named(COMMIT));
    const before = hub.requests.length;
    const { folder } = await get({ fetch: () => Promise.reject(new Error('no network')) }, {}, named(COMMIT));
    expectFiles(folder, wanted);
    expect(hub.requests.length).toBe(before);
  });

  it('takes main as it was where the hub cannot be reached, and says so', async () => {
    await serve({ files: published });
    const { folder } = await get();
    const notes: string[] = [];
    const away = { fetch: () => Promise.reject(new Error('no network')) };
    expect((await get(away, { onNote: (note) => notes.push(note) })).folder).toBe(folder);
    expect(notes.join()).toMatch(/cannot be reached: hf:overtone\/small@main is taken as it was, commit c0ffeec0ff/);
    expect((await get({ ...away, offline: true })).folder).toBe(folder);
    await expect(get({ ...away, offline: true }, {}, named('v2'))).rejects.toThrow(/must be in the cache folder/);
    await expect(get(away, {}, named('v2'))).rejects.toThrow(/the connection must hold but broke \(no network\)/);
  });

  it('refuses files of another commit', async () => {
    await serve({ files: published });
    hub.answer = (request, response) => {
      if (!request.url!.includes('/resolve/')) return false;
      response.writeHead(200, { 'X-Repo-Commit': 'e'.repeat(40) }).end('x');
      return true;
    };
    await expect(get()).rejects.toThrow(/must be of commit c0ffee\w+ but is of eeee/);
  });
});

describe('going on', () => {
  /** A download that ends when the weights' host has sent so many bytes. */
  async function cutAfter(bytes: number): Promise<void> {
    const stop = new AbortController();
    await serve({
      files: published,
      hostile: 'harmon_0.5b.pth',
      behaviour: ({ response, file, first, last, good, earlier }) => {
        if (earlier > 0) return good();
        response.writeHead(206, { 'Content-Range': `bytes ${first}-${last}/${file.length}` });
        response.write(file.subarray(0, bytes));
      },
    });
    const files = ['tokenizer.json', 'harmon_0.5b.pth', 'kl16.ckpt'];
    const small = bytesIn(Object.fromEntries(files.slice(0, 1).map((name) => [name, published[name]])));
    const onDownload = (done: number) => done >= small + bytes && stop.abort();
    await expect(get({}, { onDownload, signal: stop.signal })).rejects.toThrow(AbortError);
  }
  const ranges = () => hub.cdn.requests.map(({ range }) => range);

  it.each([0.5, 1, 1.5, 2, 2.5, 3])('after %f chunks fetches at most one chunk again', async (chunks) => {
    await cutAfter(chunks * CHUNK);
    const { folder } = await get();
    expectFiles(folder, wanted);
    expect(ranges()[1]).toBe(`bytes=${Math.floor(chunks) * CHUNK}-${published['harmon_0.5b.pth'].length - 1}`);
  });

  const parts = () => join(cache, 'hub', new URL(hub.url).host.replace(':', '_'), REPO, 'parts');
  const part = (ending: RegExp) =>
    join(
      parts(),
      readdirSync(parts()).find((name) => ending.test(name))!,
    );

  it.each([
    ['the part was cut', 1, () => truncateSync(part(/^sha256-\w+$/), CHUNK + 10)],
    ['a byte of the part is another', 1, () => damage(part(/^sha256-\w+$/), CHUNK + 5)],
    ['the journal was cut', 1, () => truncateSync(part(/journal$/), readFileSync(part(/journal$/)).length - 30)],
    ['the journal is of something else', 0, () => writeFileSync(part(/journal$/), 'nonsense\n')],
    [
      'the journal notes more than there is',
      2,
      () => writeFileSync(part(/journal$/), 'a'.repeat(64) + '\n', { flag: 'a' }),
    ],
  ])('where %s, only what has its hash counts', async (_, chunks, spoil) => {
    await cutAfter(2 * CHUNK);
    spoil();
    const { folder } = await get();
    expectFiles(folder, wanted);
    expect(ranges()[1]).toBe(`bytes=${chunks * CHUNK}-${published['harmon_0.5b.pth'].length - 1}`);
    expect(readdirSync(parts())).toEqual([]);
  });

  const damage = (path: string, at: number) => {
    const bytes = readFileSync(path);
    bytes[at] ^= 1;
    writeFileSync(path, bytes);
  };
});

describe('several at once', () => {
  it('fetch each byte once', async () => {
    await serve({ files: published });
    const models = await Promise.all([get(), get(), get()]);
    expect(new Set(models.map(({ folder }) => folder)).size).toBe(1);
    expectFiles(models[0].folder, wanted);
    expect(hub.cdn.sent).toBe(bytesIn({ a: published['harmon_0.5b.pth'], b: published['kl16.ckpt'] }));
  });
});

describe('a name', () => {
  it.each([
    ['hf:a/b', { repo: 'a/b', file: undefined, revision: 'main' }],
    ['hf:a/b-1.5B@v1.0', { repo: 'a/b-1.5B', file: undefined, revision: 'v1.0' }],
    ['hf:a/b@refs/pr/3', { repo: 'a/b', file: undefined, revision: 'refs/pr/3' }],
    ['hf:a/b/c.pth@main', { repo: 'a/b', file: 'c.pth', revision: 'main' }],
  ])('%s is understood', (name, parsed) => expect(parseHubName(name, 'it', 'either')).toEqual(parsed));

  it.each([
    'a',
    'a/b/c/d',
    '../b',
    'a/..',
    'a/b@',
    'a/b@../x',
    'a/b@x@y',
    'a/b/../c',
    'a\0/b',
    'a/b@x y',
    '/b',
    'a/b@-x',
  ])('hf:%s is refused', (name) => {
    expect(() => parseHubName(`hf:${name}`, '--model', 'either')).toThrow(ArgumentError);
  });

  it('of a file is none of a model, and the other way round', () => {
    expect(() => parseHubName('hf:a/b/c.pth', '--model', 'model')).toThrow(/--model must be spelled hf:owner\/name or/);
    expect(() => parseHubName('hf:a/b', '--vae', 'file')).toThrow(/--vae must be spelled hf:owner\/name\/file or/);
  });
});

it('a cancelled download throws AbortError', async () => {
  await serve({ files: published });
  await expect(get({}, { signal: AbortSignal.abort() })).rejects.toThrow(AbortError);
});

it('a folder that cannot be written is one sentence', async () => {
  await serve({ files: published });
  writeFileSync(join(cache, 'file'), '');
  await expect(get({ cache: join(cache, 'file') })).rejects.toThrow(FileError);
});
