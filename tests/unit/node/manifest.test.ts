/** The list of a model's files: that of the embedded model is what its files are, and what is no list is refused. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { manifestOf } from '../../../node/manifest.ts';
import { embeddedModel, openModelFiles } from '../../../node/model.ts';
import { identify } from '../../../node/model_hash.ts';
import { FileError } from '../../../src/engine/index.ts';
import { type Manifest, manifestBytes, manifestText, parseManifest } from '../../../src/harmon/manifest.ts';

const FILES = ['config.json', 'harmon_tiny.pth', 'kl16_tiny.ckpt', 'tokenizer.json'];

/** `OVERTONE_MANIFEST=write` writes it anew, after the embedded model has changed. */
it('of the embedded model is what its files are', async () => {
  const files = await openModelFiles({});
  const text = await manifestOf(embeddedModel(), FILES, await identify(files));
  await files.close();
  const path = join(embeddedModel(), 'overtone.json');
  if (process.env.OVERTONE_MANIFEST === 'write') await writeFile(path, text);
  expect(await readFile(path, 'utf8')).toBe(text);
  expect(manifestBytes(parseManifest(JSON.parse(text), path))).toBeGreaterThan(29e6);
});

const hash = 'ab'.repeat(32);
const good: Manifest = {
  model: { name: 'm', hash, weights: 'f32' },
  chunkBytes: 1024,
  files: [{ name: 'a.safetensors', bytes: 1025, chunks: [hash, hash] }],
};
const withFile = (file: object) => ({ ...good, files: [{ ...good.files[0], ...file }] });

it('is read as it was written', () => {
  expect(parseManifest(JSON.parse(manifestText(good)), 'overtone.json')).toMatchObject(good);
  const empty = withFile({ bytes: 0, chunks: [] });
  expect(parseManifest(JSON.parse(manifestText(empty as Manifest)), 'overtone.json').files[0].bytes).toBe(0);
});

it.each<[string, object]>([
  ['no model', { ...good, model: undefined }],
  ['a hash that is none', { ...good, model: { ...good.model, hash: 'x' } }],
  ['chunks of nothing', { ...good, chunkBytes: 0 }],
  ['chunks of a gigabyte', { ...good, chunkBytes: 2 ** 30 }],
  ['no files', { ...good, files: [] }],
  ['a name twice', { ...good, files: [good.files[0], { ...good.files[0], name: 'A.safetensors' }] }],
  ['a name that climbs', withFile({ name: '../a' })],
  ['a name in a folder', withFile({ name: 'b/a' })],
  ['a hidden name', withFile({ name: '.a' })],
  ['its own name', withFile({ name: 'overtone.json' })],
  ['a name with a control character', withFile({ name: 'a\n' })],
  ['negative bytes', withFile({ bytes: -1 })],
  ['bytes past 2^53', withFile({ bytes: 2 ** 54 })],
  ['a chunk too few', withFile({ chunks: [hash] })],
  ['a chunk that is no hash', withFile({ chunks: [hash, 5] })],
  ['null', { ...good, files: [null] }],
])('with %s is refused', (_, json) => {
  const read = () => parseManifest({ format: 'overtone-model-1', ...json }, 'overtone.json');
  expect(read).toThrow(FileError);
  expect(read).toThrow(/^overtone\.json: must .*: convert the model again with this version$/);
});

it.each([null, 5, 'text', [], {}, { format: 'other' }])('that is %j is refused', (json) =>
  expect(() => parseManifest(json, 'overtone.json')).toThrow('must be a list of a model'),
);
