import { copyFile, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ModelPaths, embeddedModel, openModelFiles } from '../../../node/model.ts';
import { FileError } from '../../../src/engine/index.ts';
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

const link = (from: string, name: string) => symlink(from, join(folder, name));

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
    await link(pth, 'a.pth');
    await link(ckpt, 'kl16.ckpt');
    await link(embedded('config.json'), 'config.json');
    await link(embedded('tokenizer.json'), 'tokenizer.json');
    expect(await opened({ model: folder })).toEqual(tiny);
  });

  it('is a checkpoint with its VAE, recognised by its shapes beside a foreign config.json', async () => {
    await copyFile(pth, join(folder, 'weights.pth'));
    await writeFile(join(folder, 'config.json'), '{"architectures": ["Other"]}');
    expect(await opened({ checkpoint: join(folder, 'weights.pth'), vae: ckpt })).toEqual(tiny);
  });

  it('is as the paths say where they say it', async () => {
    await link(pth, 'a.pth');
    const named = { vae: ckpt, config: embedded('config.json'), tokenizer: embedded('tokenizer.json') };
    expect(await opened({ model: folder, ...named })).toEqual(tiny);
    expect(await opened({ checkpoint: join(folder, 'a.pth'), ...named, config: '1.5b' })).toMatchObject({
      name: 'harmon-1.5b',
    });
  });

  it('is sharded safetensors by their index', async () => {
    await writeFile(join(folder, 'model-00001-of-00002.safetensors'), safetensors('llm.model.norm.weight'));
    await writeFile(join(folder, 'model-00002-of-00002.safetensors'), safetensors('vae.decoder.conv_in.bias'));
    const map = {
      'llm.model.norm.weight': 'model-00001-of-00002.safetensors',
      'vae.decoder.conv_in.bias': 'model-00002-of-00002.safetensors',
    };
    await writeFile(join(folder, 'model.safetensors.index.json'), JSON.stringify({ weight_map: map }));
    const named = { config: embedded('config.json'), tokenizer: embedded('tokenizer.json') };
    expect(await opened({ model: folder, ...named })).toEqual({ ...tiny, tensors: 2 });
  });
});

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
    await link(pth, 'a.pth');
    await link(pth, 'b.safetensors');
    await refusal({ model: folder }, /has 2 \(a\.pth, b\.safetensors\)/);
  });

  it('a VAE for a model, and a model without a VAE', async () => {
    await refusal({ checkpoint: ckpt }, /is a VAE: give it with --vae/);
    await refusal({ checkpoint: pth }, /has no VAE in it/);
  });

  it('a tokenizer that is missing or broken', async () => {
    await link(pth, 'a.pth');
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
