/** Converting: the same weights in another form, whatever stops it in between. */
import { mkdtemp, readFile, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { type Converted, convertModel } from '../../../node/convert.ts';
import { type ModelFiles, embeddedModel, openModelFiles } from '../../../node/model.ts';
import { identify } from '../../../node/model_hash.ts';
import { AbortError } from '../../../src/engine/index.ts';

const shardBytes = 8e6;
let files: ModelFiles;
let folder: string;
beforeAll(async () => {
  files = await openModelFiles({});
});
afterAll(() => files.close());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'overtone-convert-'));
});
afterEach(() => rm(folder, { recursive: true }));

const contents = async (): Promise<Record<string, string>> =>
  Object.fromEntries(
    await Promise.all(
      (await readdir(folder)).map(async (name) => [name, (await readFile(join(folder, name))).toString('latin1')]),
    ),
  ) as Record<string, string>;
const kept = ({ files: all }: Converted) => all.filter((file) => file.kept).map(({ name }) => name);

it.each([shardBytes, 1e9])('with shards of %i bytes leaves the same model', async (most) => {
  const seen: number[] = [];
  const made = await convertModel(files, folder, {
    shardBytes: most,
    onProgress: (done, total) => seen.push(done / total),
  });
  expect((await readdir(folder)).sort()).toEqual(made.files.map(({ name }) => name));
  expect(made.files.length).toBe(most === 1e9 ? 4 : 8);
  expect([made.tensors, made.leftOut]).toEqual([517, ['mar.class_emb.weight']]);
  expect(seen.at(-1)).toBe(1);
  expect(seen).toEqual([...seen].sort((a, b) => a - b));
  const again = await openModelFiles({ model: folder });
  expect(again.config).toEqual(files.config);
  expect(await identify(again)).toEqual(await identify(files));
  for (const { name } of again.weights.tensors.values())
    expect(Buffer.compare(await again.weights.read(name), await files.weights.read(name))).toBe(0);
  await again.close();
  expect(kept(await convertModel(files, folder, { shardBytes: most }))).toEqual(made.files.map(({ name }) => name));
});

it('goes on where it stopped, and writes again what is not the same', async () => {
  await convertModel(files, folder, { shardBytes });
  const whole = await contents();
  const shard = (i: number) => join(folder, `model-0000${i}-of-00004.safetensors`);
  await rm(shard(1));
  const flipped = await readFile(shard(2));
  flipped[flipped.length - 1] ^= 1;
  await writeFile(shard(2), flipped);
  await writeFile(shard(3), (await readFile(shard(3))).subarray(0, -1));
  await writeFile(join(folder, 'config.json'), '{}');
  const stale = join(folder, '.overtone-01234567.part');
  await writeFile(stale, 'left by a killed process');
  await utimes(stale, 0, 0);
  const made = await convertModel(files, folder, { shardBytes });
  expect(kept(made)).toEqual(['model-00004-of-00004.safetensors', 'tokenizer.json']);
  expect(await contents()).toEqual(whole);
});

it('refuses the folder of its source, and one that holds other weights', async () => {
  await expect(convertModel(files, embeddedModel())).rejects.toThrow(
    /must be another folder than the one that .* is in/,
  );
  await writeFile(join(folder, 'other.safetensors'), '');
  await expect(convertModel(files, folder)).rejects.toThrow('holds other.safetensors: choose a new folder');
});

it('says that a file is where the folder should be', async () => {
  await writeFile(join(folder, 'file'), '');
  await expect(convertModel(files, join(folder, 'file'))).rejects.toThrow(
    'cannot be written: there is a file of that name',
  );
});

it('ends at an abort, with nothing half-written', async () => {
  const stop = new AbortController();
  const converting = convertModel(files, folder, {
    shardBytes,
    signal: stop.signal,
    onProgress: (done, total) => done / total > 0.3 && stop.abort(),
  });
  await expect(converting).rejects.toThrow(AbortError);
  expect((await readdir(folder)).filter((name) => name.endsWith('.part') || name.endsWith('.index.json'))).toEqual([]);
});
