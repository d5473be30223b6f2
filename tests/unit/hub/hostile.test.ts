/** A hub, or a host that it sends to, that does wrong: one sentence, nothing under a final name, and the token stays with the hub. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { hubHost, isPrivate, nextHop } from '../../../node/hub/host.ts';
import { ArgumentError, FileError } from '../../../src/engine/index.ts';
import { type Behaviour, behaviours, once } from '../../support/hostile_server.ts';
import {
  COMMIT,
  REPO,
  allFiles,
  cache,
  expectFiles,
  get,
  host,
  hub,
  published,
  serve,
  sharded,
  slept,
  wanted,
} from './support.ts';

const WEIGHTS = 'harmon_0.5b.pth';
const size = published[WEIGHTS].length;

const more = {
  'says another length': (c) => void c.response.writeHead(200, { 'Content-Length': c.file.length + 7 }).write(c.file),
  'never ends': (c) => {
    c.response.writeHead(206, { 'Content-Range': `bytes ${c.first}-${c.last}/${c.file.length}` });
    const pour = (): void => void (c.response.destroyed || c.response.write(c.file, () => setImmediate(pour)));
    pour();
  },
  'changes at each break': (c) => {
    const tag = `"${c.earlier}"`;
    c.response.writeHead(206, { 'Content-Range': `bytes ${c.first}-${c.last}/${c.file.length}`, ETag: tag });
    c.response.write(c.file.subarray(c.first, c.first + 70_000), () => setImmediate(() => c.response.destroy()));
  },
  'asks to come back in an hour': ({ response }) => void response.writeHead(503, { 'Retry-After': '3600' }).end(),
  'leads back to the hub for ever': ({ response, request }) =>
    void response.writeHead(302, { Location: `${hub.url}${request.url}` }).end(),
} satisfies Record<string, Behaviour>;
const all: Record<string, Behaviour> = { ...behaviours, ...more };

/** What becomes of a behaviour that is shown for every request of the weights; whole without. */
const verdicts: Record<keyof typeof behaviours | keyof typeof more, RegExp | undefined> = {
  'ignores ranges': undefined,
  'says another range': /must send bytes 0-\d+ of \d+ but says "bytes 1-/,
  'sends a short body': /must have \d+ bytes but ended after \d+/,
  'sends a long body': undefined,
  'compresses the range': /must come as it is but is packed with gzip/,
  'compresses the file and cuts that': /must come as it is but is packed with gzip/,
  'has another file midway': undefined,
  'has no such range': /must be as long as the hub's list says but is shorter/,
  'is busy': /must answer but says 429/,
  'is broken': /must answer but says 500/,
  stalls: /must send something but was silent/,
  'resets after 64 KiB': undefined,
  'redirects in a circle': /was redirected over 5 times/,
  'sends a web page': /must be a file of the model but is a web page/,
  'sends bytes twice': /must have the bytes that the hub lists the hash of but has others, each time/,
  'flips a bit': /must have the bytes that the hub lists the hash of but has others, each time/,
  drips: /must send something but was silent/,
  'is gone': /answered 404: check the name and the revision/,
  'says another length': /must come with \d+ bytes but comes with \d+/,
  'never ends': undefined,
  'changes at each break': /must stay as it is while it is fetched but changed, each time/,
  'asks to come back in an hour': /says 503 and to come back in 3600 s/,
  'leads back to the hub for ever': /answered 404/,
};
const patient = (name: string) => ({ patience: /stalls|drips/.test(name) ? 400 : 20_000 });

describe('a host of large files that', () => {
  it.each(Object.entries(verdicts))('always %s', async (name, sentence) => {
    await serve({ files: published, hostile: WEIGHTS, behaviour: all[name] });
    const getting = get(patient(name));
    if (!sentence) expectFiles((await getting).folder, wanted);
    else {
      const error: unknown = await getting.catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(FileError);
      expect(String(error)).toMatch(sentence);
      expect(allFiles().filter((path) => path.endsWith(WEIGHTS))).toEqual([]);
    }
    expect(hub.cdn.requests.every(({ authorization }) => authorization === undefined)).toBe(true);
    expect(hub.requests.every(({ authorization }) => authorization === 'Bearer hf_secret')).toBe(true);
  });

  const final = [
    'has no such range',
    'redirects in a circle',
    'sends a web page',
    'is gone',
    'asks to come back in an hour',
    'leads back to the hub for ever',
  ];
  it.each(Object.keys(verdicts).filter((name) => !final.includes(name)))('once %s', async (name) => {
    await serve({ files: published, hostile: WEIGHTS, behaviour: once(all[name]) });
    expectFiles((await get(patient(name))).folder, wanted);
  });

  it('changes the file midway is asked for all of it again', async () => {
    const other = published[WEIGHTS].map((byte) => byte ^ 0x55);
    await serve({
      files: published,
      hostile: WEIGHTS,
      behaviour: ({ response, file, first, last, earlier }) => {
        const bytes = earlier === 0 ? other : file;
        response.writeHead(206, {
          'Content-Range': `bytes ${first}-${last}/${file.length}`,
          ETag: earlier === 0 ? '"a"' : '"b"',
        });
        if (earlier > 0) return void response.end(bytes.subarray(first));
        response.write(bytes.subarray(0, 100_000), () => setImmediate(() => response.destroy()));
      },
    });
    expectFiles((await get()).folder, wanted);
    expect(hub.cdn.requests.map(({ range }) => range).slice(-2)[0]).toBe(`bytes=0-${size - 1}`);
  });

  it('is busy is waited for as it asks', async () => {
    await serve({ files: published, hostile: WEIGHTS, behaviour: once(behaviours['is busy'], 2) });
    await get();
    expect(slept).toEqual([2000, 2000]);
  });
});

describe('a hub that', () => {
  const plain = (status: number, body: string, headers: Record<string, string> = {}) => ({ status, body, headers });
  const json = { 'Content-Type': 'application/json' };
  const tree = (entries: unknown, headers = {}) => plain(200, JSON.stringify(entries), { ...json, ...headers });

  it.each([
    [
      'knows nobody',
      '/revision/',
      plain(401, '{"error":"Invalid"}', json),
      /answered 401: .*check that the token in HF_TOKEN may read it/,
    ],
    ['keeps it closed', '/resolve/', plain(403, 'gated'), /accept the model's terms on its page/],
    ['has no such name', '/revision/', plain(404, '{}', json), /answered 404: check the name and the revision/],
    ['has no such file', '/resolve/', plain(404, 'no'), /answered 404/],
    [
      'asks to sign in',
      '/revision/',
      plain(200, '<html>', { 'Content-Type': 'text/html' }),
      /must be an answer of a hub but is a web page/,
    ],
    ['speaks no JSON', '/revision/', plain(200, '{', json), /must answer as a hub does but does not/],
    ['tells no commit', '/revision/', plain(200, '{"sha":"../x"}', json), /must tell the commit of main but does not/],
    ['lists no list', '/tree/', plain(200, '7', json), /must answer as a hub does but does not/],
    [
      'lists odd entries',
      '/tree/',
      tree([null, 7, { type: 'file' }, { type: 'file', path: 'a.pth', size: -1, oid: 'x' }]),
      /must hold the tokenizer.json/,
    ],
    [
      'lists pages without end',
      '/tree/',
      tree([], { Link: `<HUB/api/models/${REPO}/tree/${COMMIT}?cursor=1>; rel="next"` }),
      /in at most 100 pages but goes on/,
    ],
    [
      'lists elsewhere',
      '/tree/',
      tree([], { Link: '<http://127.0.0.1:9/api>; rel="next"' }),
      /must be an address of 127.0.0.1:\d+ but is not/,
    ],
    [
      'lists too much',
      '/tree/',
      tree(Array.from({ length: 10_001 }, () => 0)),
      /must list at most 10000 files but lists more/,
    ],
    [
      'redirects its API',
      '/revision/',
      plain(302, '', { Location: 'ftp://x/y' }),
      /must redirect to a file by https but redirects to ftp:\/\/x/,
    ],
    ['redirects nowhere', '/resolve/', plain(302, ''), /names no address/],
    [
      'redirects with a password',
      '/resolve/',
      plain(302, '', { Location: 'https://a:b@x.org/' }),
      /an address with a password/,
    ],
    [
      'has another length',
      '/resolve/',
      plain(302, '', { 'X-Linked-Size': '5', Location: '/x' }),
      /must have \d+ bytes as the hub lists it but has 5/,
    ],
    [
      'has another hash',
      '/resolve/',
      plain(302, '', { 'X-Linked-Etag': '"abc"', Location: '/x' }),
      /must have the hash \w+ as the hub lists it but has abc/,
    ],
  ])('%s', async (_, where, { status, body, headers }, sentence) => {
    await serve({ files: published });
    hub.answer = (request, response) => {
      if (!request.url!.includes(where)) return false;
      const own = Object.entries(headers).map(([key, value]) => [key, value.replace('HUB', hub.url)]);
      response.writeHead(status, Object.fromEntries(own)).end(body);
      return true;
    };
    await expect(get()).rejects.toThrow(FileError);
    await expect(get()).rejects.toThrow(sentence);
    expect(allFiles().filter((path) => /\/commits\/\w+\/./.test(path))).toEqual([]);
  });

  const NAMES = [
    '../x.pth',
    '/etc/x.pth',
    'C:\\x.pth',
    'a/../../x.pth',
    'x\0.pth',
    `${'x'.repeat(5000)}.pth`,
    '.x.pth',
    'x.pth ',
  ];
  it('lists names that are no plain ones has them passed over', async () => {
    const entry = (path: string) => ({ type: 'file', path, size: 1, oid: 'a'.repeat(40) });
    await serve({ files: published, more: NAMES.map(entry) });
    expectFiles((await get()).folder, wanted);
    expect(allFiles().every((path) => path.startsWith(cache))).toBe(true);
  });

  it.each(NAMES)('has an index that names %j is refused', async (name) => {
    const index = new TextEncoder().encode(JSON.stringify({ weight_map: { a: name } }));
    await serve({ files: { ...sharded, 'model.safetensors.index.json': index } });
    await expect(get()).rejects.toThrow(/must name files of safetensors beside it but names/);
  });

  it('gives a file another hash than git would', async () => {
    await serve({ files: published });
    hub.answer = (request, response) => {
      if (!request.url!.includes('/resolve/') || !request.url!.endsWith('tokenizer.json')) return false;
      const { length } = published['tokenizer.json'];
      response.writeHead(200).end(Buffer.alloc(length, 'x'));
      return true;
    };
    await expect(get()).rejects.toThrow(/has others, each time/);
  });
});

describe('the token', () => {
  it('is none where the environment has none', async () => {
    await serve({ files: published });
    await get({ token: undefined });
    expect(hub.requests.every(({ authorization }) => authorization === undefined)).toBe(true);
  });

  it.each([
    [{ HF_ENDPOINT: 'http://hub.example', HF_TOKEN: 'hf_x' }, /must be https where HF_TOKEN is set/],
    [{ HF_ENDPOINT: 'ftp://hub.example' }, /HF_ENDPOINT must be an address/],
    [{ HF_ENDPOINT: 'https://a:b@hub.example' }, /HF_ENDPOINT must be an address/],
    [{ HF_TOKEN: 'two words' }, /HF_TOKEN must be one word/],
  ])('with %j', (env, sentence) => {
    expect(() => hubHost(env)).toThrow(ArgumentError);
    expect(() => hubHost(env)).toThrow(sentence);
  });

  it('is in no file and no sentence', async () => {
    await serve({ files: published, hostile: WEIGHTS, behaviour: behaviours['is gone'] });
    const said = await get().catch((error: unknown) => String(error));
    expect(said).not.toContain('hf_secret');
    for (const path of allFiles()) expect(readFileSync(path, 'latin1'), path).not.toContain('hf_secret');
  });
});

describe('a redirect', () => {
  const from = (endpoint: string, to: string) => nextHop(new URL(endpoint), new URL(`${endpoint}/a/b`), to).href;
  it.each([
    ['https://hub.example', 'https://cdn.example/x'],
    ['https://hub.example', '/api/renamed'],
    ['https://127.0.0.1', 'https://10.0.0.1/x'],
    ['http://localhost', 'http://127.0.0.1:81/x'],
    ['http://hub.example', 'https://cdn.example/x'],
  ])('from %s may lead to %s', (endpoint, to) => expect(from(endpoint, to)).toContain(to));
  it.each([
    ['https://hub.example', 'http://cdn.example/x'],
    ['https://hub.example', 'https://127.0.0.1/x'],
    ['https://hub.example', 'https://2130706433/x'],
    ['https://hub.example', 'https://[::ffff:10.0.0.1]/x'],
    ['https://hub.example', 'https://[fd00::1]/x'],
    ['https://hub.example', 'https://169.254.169.254/latest'],
    ['https://hub.example', 'https://router/x'],
    ['https://hub.example', 'https://metadata.internal./x'],
    ['http://hub.example', 'http://192.168.1.1/x'],
    ['https://hub.example', 'file:///etc/passwd'],
    ['https://hub.example', 'data:,x'],
  ])('from %s may not lead to %s', (endpoint, to) => expect(() => from(endpoint, to)).toThrow(FileError));

  it('of a hub on the open network into this one ends the download', async () => {
    const { [WEIGHTS]: weights, 'tokenizer.json': tokenizer } = published;
    await serve({ files: { [WEIGHTS]: weights, 'tokenizer.json': tokenizer } }); // one page: its links would lead to the real address
    const local = host();
    const endpoint = new URL('https://hub.example');
    const fetch = (url: string, init: RequestInit) => local.fetch(url.replace(endpoint.origin, hub.url), init);
    await expect(get({ endpoint, fetch })).rejects.toThrow(/redirects to http:\/\/127.0.0.1/);
    expect(hub.cdn.requests).toEqual([]);
  });

  it('knows public hosts', () => expect(['8.8.8.8', 'huggingface.co', '[2606:4700::1]'].some(isPrivate)).toBe(false));
});
