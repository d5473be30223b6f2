/** A small model on a local hub, and a host that fetches from it into a folder of its own. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect } from 'vitest';
import { type HubModel, type HubOptions, fetchModel } from '../../../node/hub/download.ts';
import { type HubHost, hubHost } from '../../../node/hub/host.ts';
import { type HubName, parseHubName } from '../../../node/hub/name.ts';
import { MANIFEST, manifestText } from '../../../src/harmon/manifest.ts';
import { COMMIT, type HubServer, type HubServerOptions, REPO, serveHub } from '../../support/hub_server.ts';

export const CHUNK = 64 * 1024;
const bytesOf = (length: number, seed: number) => Uint8Array.from({ length }, (_, i) => (i * seed) ^ (i >> 8));
const text = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const hex = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** A published model: its weights are three chunks and a bit. */
export const published: Record<string, Uint8Array> = {
  'harmon_0.5b.pth': bytesOf(3 * CHUNK + 5000, 7),
  'kl16.ckpt': bytesOf(700, 5),
  'tokenizer.json': text({ model: 'words' }),
  'README.md': text('words about it'),
};

/** A folder of shards. */
export const sharded: Record<string, Uint8Array> = {
  'model-00001-of-00002.safetensors': bytesOf(CHUNK, 3),
  'model-00002-of-00002.safetensors': bytesOf(500, 11),
  'model.safetensors.index.json': text({
    metadata: {},
    weight_map: { a: 'model-00001-of-00002.safetensors', b: 'model-00002-of-00002.safetensors' },
  }),
  'tokenizer.json': text({}),
  'config.json': text({}),
};

const folded: Record<string, Uint8Array> = {
  'model.safetensors': bytesOf(3 * 16384 + 100, 13),
  'config.json': text({ own: true }),
  'tokenizer.json': text({ own: true }),
};
/** What `convert` makes, with its list of chunks. */
export const converted: Record<string, Uint8Array> = {
  ...folded,
  [MANIFEST]: new TextEncoder().encode(
    manifestText({
      model: { name: 'test', hash: 'ab'.repeat(32), weights: 'f32' },
      chunkBytes: 16384,
      files: Object.entries(folded).map(([name, bytes]) => ({
        name,
        bytes: bytes.length,
        chunks: Array.from({ length: Math.ceil(bytes.length / 16384) }, (_, i) =>
          hex(bytes.subarray(i * 16384, (i + 1) * 16384)),
        ),
      })),
    }),
  ),
};

export let cache: string;
export let hub: HubServer;
export let slept: number[];
const opened: HubServer[] = [];
beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), 'overtone-hub-'));
  slept = [];
});
afterEach(async () => {
  for (const server of opened.splice(0)) await server.close();
  rmSync(cache, { recursive: true, force: true });
});

export async function serve(options: HubServerOptions): Promise<HubServer> {
  hub = await serveHub(options);
  opened.push(hub);
  return hub;
}

export const host = (more: Partial<HubHost> = {}): HubHost => ({
  ...hubHost({ HF_ENDPOINT: hub.url, HF_TOKEN: 'hf_secret', OVERTONE_CACHE: cache }),
  sleep: (ms) => Promise.resolve(void slept.push(ms)),
  chunkBytes: CHUNK,
  ...more,
});

export const named = (revision = 'main'): HubName => parseHubName(`hf:${REPO}@${revision}`, '--model', 'model');

export const get = (more: Partial<HubHost> = {}, options: HubOptions = {}, name = named()): Promise<HubModel> =>
  fetchModel(name, {}, { host: host(more), ...options });

/** The folder holds these files, whole, and nothing else. */
export function expectFiles(folder: string, files: Readonly<Record<string, Uint8Array>>): void {
  expect(readdirSync(folder).sort()).toEqual(Object.keys(files).sort());
  for (const [name, bytes] of Object.entries(files))
    expect(hex(readFileSync(join(folder, name))), name).toBe(hex(bytes));
}

/** What is fetched of the published model. */
export const wanted = Object.fromEntries(Object.entries(published).filter(([name]) => name !== 'README.md'));

/** Every file below the cache folder. */
export const allFiles = (): string[] =>
  readdirSync(cache, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name));

export { COMMIT, REPO };
