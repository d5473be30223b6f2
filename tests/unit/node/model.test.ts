import { copyFile, mkdir, mkdtemp, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ModelPaths, embeddedModel, openHarmon, openModelFiles } from '../../../node/model.ts';
import { ArgumentError, FileError } from '../../../src/engine/index.ts';
import { modelPath } from '../../support/golden.ts';

const embedded = (name: string) => fileURLToPath(modelPath(name));
const [pth, ckpt] = [embedded('harmon_tiny.pth'), embedded('kl16_tiny.ckpt')];

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'overtone-model-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const copy = (from: string, name: string) => copyFile(from, join(folder, name));

/** What a set of paths opens to; the files are closed again. */
async function opened(paths: ModelPaths) {
  const files = await openModelFiles(paths);
  await files.close();
  return { name: files.config.name, tensors: files.weights.tensors.size, tokens: files.tokenizer.size };
}

const tiny = { name: 'harmon-tiny', tensors: 518, tokens: 511 };

describe('what is opened', () => {
  it('is the embedded model without any path', async () => {
    expect(await opened({})).toEqual(tiny);
    expect(embeddedModel()).toBe(fileURLToPath(modelPath('.')).replace(/\/$/, ''));
  });

  it('is a folder, whatever the names of its files', async () => {
    await copy(pth, 'a.pth');
    await copy(ckpt, 'kl16.ckpt');
    await copy(embedded('config.json'), 'config.json');
    await copy(embedded('tokenizer.json'), 'tokenizer.json');
    expect(await opened({ model: folder })).toEqual(tiny);
  });

  it('is a checkpoint with its VAE, recognised by its shapes beside a foreign config.json', async () => {
    await copyFile(pth, join(folder, 'weights.pth'));
    await writeFile(join(folder, 'config.json'), '{"architectures": ["Other"]}');
    expect(await opened({ checkpoint: join(folder, 'weights.pth'), vae: ckpt })).toEqual(tiny);
  });

  it('is as the paths say where they say it', async () => {
    await copy(pth, 'a.pth');
    expect(await opened({ model: folder, vae: ckpt, ...named })).toEqual(tiny);
    expect(await opened({ checkpoint: join(folder, 'a.pth'), vae: ckpt, ...named, config: '1.5b' })).toMatchObject({
      name: 'harmon-1.5b',
    });
  });

  it('is sharded safetensors by their index', async () => {
    await writeShards(folder);
    expect(await opened({ model: folder, ...named })).toEqual({ ...tiny, tensors: 2 });
  });

  it('is a folder behind a link, with links that stay inside it', async () => {
    await mkdir(join(folder, 'real/parts'), { recursive: true });
    await writeShards(join(folder, 'real'));
    await rename(join(folder, 'real', SHARD), join(folder, 'real/parts/one'));
    await symlink('parts/one', join(folder, 'real', SHARD));
    await symlink('real', join(folder, 'model'));
    expect(await opened({ model: join(folder, 'model'), ...named })).toEqual({ ...tiny, tensors: 2 });
  });

  it('is a snapshot in the cache of Hugging Face, whose files are links into blobs', async () => {
    const snapshot = join(folder, 'snapshots/0123abcd');
    await mkdir(snapshot, { recursive: true });
    await mkdir(join(folder, 'blobs'));
    await writeShards(snapshot);
    for (const name of await readdir(snapshot)) {
      await rename(join(snapshot, name), join(folder, 'blobs', name));
      await symlink(`../../blobs/${name}`, join(snapshot, name));
    }
    expect(await opened({ model: snapshot, ...named })).toEqual({ ...tiny, tensors: 2 });
  });

  it('is a file behind a link that is named itself', async () => {
    await symlink(pth, join(folder, 'a.pth'));
    expect(await opened({ checkpoint: join(folder, 'a.pth'), vae: ckpt })).toEqual(tiny);
  });
});

const SHARD = 'model-00001-of-00002.safetensors';
const named = { config: embedded('config.json'), tokenizer: embedded('tokenizer.json') };

/** A model of two shards with their index. */
async function writeShards(to: string): Promise<void> {
  await writeFile(join(to, SHARD), safetensors('llm.model.norm.weight'));
  await writeFile(join(to, 'model-00002-of-00002.safetensors'), safetensors('vae.decoder.conv_in.bias'));
  const map = {
    'llm.model.norm.weight': SHARD,
    'vae.decoder.conv_in.bias': 'model-00002-of-00002.safetensors',
  };
  await writeFile(join(to, 'model.safetensors.index.json'), JSON.stringify({ weight_map: map }));
}

/** A safetensors file of one tensor of one zero. */
function safetensors(name: string): Uint8Array {
  const header = JSON.stringify({ [name]: { dtype: 'F32', shape: [1], data_offsets: [0, 4] } });
  const file = new Uint8Array(8 + header.length + 4);
  new DataView(file.buffer).setBigUint64(0, BigInt(header.length), true);
  file.set(new TextEncoder().encode(header), 8);
  return file;
}

describe('what is refused', () => {
  const refusal = async (paths: ModelPaths, sentence: RegExp) => {
    const before = await descriptors();
    await expect(openModelFiles(paths)).rejects.toThrow(FileError);
    await expect(openModelFiles(paths)).rejects.toThrow(sentence);
    expect(await descriptors()).toEqual(before);
  };
  /** Files that this process holds open, where the system tells. */
  const descriptors = () =>
    readdir('/proc/self/fd').then(
      (all) => all.length,
      () => 0,
    );

  it('a folder that is empty, missing or undecided', async () => {
    await refusal(
      { model: folder },
      /must hold one file of the model's weights but has none: name it with --checkpoint$/,
    );
    await refusal({ model: join(folder, 'none') }, /must be a model folder but there is none$/);
    await copy(pth, 'a.pth');
    await copy(pth, 'b.safetensors');
    await refusal({ model: folder }, /has 2 \(a\.pth, b\.safetensors\)/);
  });

  it('a link that leads out of the folder', async () => {
    const model = join(folder, 'model');
    await mkdir(model);
    await writeShards(model);
    await rename(join(model, SHARD), join(folder, 'elsewhere'));
    await symlink('../elsewhere', join(model, SHARD));
    const outside = /: must lie in the model's folder but is a link to .*: copy it there$/;
    await refusal({ model, ...named }, outside);
    await refusal({ checkpoint: join(model, 'model.safetensors.index.json'), ...named }, outside);
    for (const name of await readdir(model)) await rm(join(model, name));
    await symlink(pth, join(model, 'a.pth'));
    await refusal({ model, vae: ckpt }, /a\.pth: must lie in .*: copy it there, or name it with --checkpoint$/);
    await refusal({ checkpoint: pth, model }, /has no VAE/);
    await symlink(embedded('tokenizer.json'), join(model, 'tokenizer.json'));
    await refusal({ checkpoint: pth, vae: ckpt, model }, /tokenizer\.json: must lie in .* name it with --tokenizer$/);
    await symlink(embedded('config.json'), join(model, 'config.json'));
    await refusal({ checkpoint: pth, vae: ckpt, model }, /config\.json: must lie in .* name it with --config$/);
  });

  it.each([
    [null, 'the options must be an object but are null'],
    ['folder', 'the options must be an object but are a string'],
    [{ model: 5 }, 'model must be a path, a string, but is a number'],
    [{ checkpoint: new URL('file:///a') }, 'checkpoint must be a path, a string, but is an object'],
    [{ vae: '' }, 'vae must be a path, a string, but is empty'],
    [{ quantise: 'q5' }, 'quantise must be q8 or q4 but is q5'],
    [{ choices: { a: 'b' } }, 'choices must be a Map of names by key but is an object'],
  ])('options of the wrong kind: %j', async (options, sentence) => {
    const asked = openHarmon(options as ModelPaths);
    await expect(asked).rejects.toThrow(ArgumentError);
    await expect(asked).rejects.toThrow(`[openHarmon] ${sentence}`);
  });

  it('a VAE for a model, and a model without a VAE', async () => {
    await refusal({ checkpoint: ckpt }, /is a VAE: give it with --vae/);
    await refusal({ checkpoint: pth }, /has no VAE in it/);
  });

  it('a tokenizer that is missing or broken', async () => {
    await copy(pth, 'a.pth');
    await refusal(
      { checkpoint: join(folder, 'a.pth'), vae: ckpt, config: '0.5b' },
      /must hold the tokenizer\.json of Qwen2\.5/,
    );
    await writeFile(join(folder, 'tokenizer.json'), '{"model":');
    await refusal({ checkpoint: join(folder, 'a.pth'), vae: ckpt }, /tokenizer\.json: must be JSON but/);
  });

  it('weights that no configuration fits', async () => {
    await writeFile(join(folder, 'x.safetensors'), safetensors('vae.decoder.conv_in.bias'));
    await refusal({ model: folder }, /is a VAE/);
    await writeFile(join(folder, 'x.safetensors'), safetensors('other'));
    await refusal({ model: folder }, /is of no Harmon that this version knows/);
  });
});
