import { describe, expect, it, test } from 'vitest';
import { FileError } from '../../../src/engine/index.ts';
import {
  configJson,
  harmonConfigs,
  marHeadDims,
  nativeGrid,
  parseConfig,
  vaeStride,
} from '../../../src/harmon/config.ts';
import { modelPath, readJson, tinyConfig } from '../../support/golden.ts';

type Json = Record<string, Record<string, unknown> | unknown>;

/** The embedded model's config.json with one key set to another value (or removed by undefined). */
function changed(path: string, value: unknown): Json {
  const json = structuredClone(readJson(modelPath('config.json'))) as Json;
  const keys = path.split('.');
  const last = keys.pop() as string;
  const at = keys.reduce<Json>((o, key) => o[key] as Json, json);
  if (value === undefined) delete at[last];
  else at[last] = value;
  return json;
}

test.each([tinyConfig(), ...Object.values(harmonConfigs)])('configJson of $name reads back', (config) => {
  const json: unknown = JSON.parse(JSON.stringify(configJson(config)));
  expect(parseConfig(json)).toEqual(config);
});

describe('parseConfig', () => {
  it('reads the embedded model', () => {
    const config = tinyConfig();
    expect(config).toMatchObject({
      name: 'harmon-tiny',
      language: { hiddenSize: 192, layers: 4, heads: 6, kvHeads: 2, headDim: 32, vocabSize: 511, tiedEmbeddings: true },
      mar: { width: 192, mlpWidth: 768, bufferTokens: 16, tokenDim: 16, nativeImageSize: 128 },
      diffusion: { width: 256, blocks: 3, timesteps: 50 },
      vae: { baseChannels: 32, groups: 4, latentScale: 0.9947 },
      endToken: '<|im_end|>',
      repetitionPenalty: 1.1,
    });
    expect(nativeGrid(config)).toBe(8);
    expect(marHeadDims(config)).toEqual({ encoder: 32, decoder: 32 });
  });

  it.each([
    [
      'llm.hidden_size',
      undefined,
      'config.json: llm.hidden_size must be a whole number from 1 to 16384 but is missing',
    ],
    ['llm.hidden_size', -1, 'llm.hidden_size must be a whole number from 1 to 16384 but is -1'],
    ['llm.num_hidden_layers', 1.5, 'llm.num_hidden_layers must be a whole number from 1 to 256 but is 1.5'],
    ['llm.rope_theta', 'many', 'llm.rope_theta must be a number from 1 to 1000000000000 but is "many"'],
    ['llm.rope_theta', 5e-324, 'llm.rope_theta must be a number from 1 to 1000000000000 but is 5e-324'],
    ['llm.rope_theta', 1e308, 'llm.rope_theta must be a number from 1 to 1000000000000 but is 1e+308'],
    ['llm.rms_norm_eps', 1e308, 'llm.rms_norm_eps must be a number from 1e-12 to 0.1 but is 1e+308'],
    ['vae.eps', 1e-40, 'vae.eps must be a number from 1e-12 to 0.1 but is 1e-40'],
    ['repetition_penalty', 1e-320, 'repetition_penalty must be a number from 0.1 to 10 but is 1e-320'],
    ['repetition_penalty', 11, 'repetition_penalty must be a number from 0.1 to 10 but is 11'],
    ['vae_scale', 1e-320, 'vae_scale must be a number from 0.0001 to 10000 but is 1e-320'],
    ['vae_scale', 1e308, 'vae_scale must be a number from 0.0001 to 10000 but is 1e+308'],
    ['vae.ch_mult', [1], 'vae.ch_mult must be a list of 5 whole numbers from 1 to 64 but is [1]'],
    ['vae.ch_mult', Array(16).fill(1), 'vae.ch_mult must be a list of 5 whole numbers'],
    ['llm.tie_word_embeddings', 1, 'llm.tie_word_embeddings must be true or false but is 1'],
    ['llm.num_key_value_heads', 4, 'must be a multiple of llm.num_key_value_heads (4)'],
    ['llm.head_dim', 33, 'llm.head_dim must be even for rotary positions but is 33'],
    ['mar.encoder_num_heads', 7, 'mar.embed_dim (192) must be a multiple of mar.encoder_num_heads (7)'],
    ['mar.patch_size', 2, 'mar.patch_size must be 1'],
    ['mar.token_dim', 8, 'mar.token_dim (8) must equal vae.z_channels (16)'],
    ['mar.num_sampling_steps', '1', 'mar.num_sampling_steps must be at least 2'],
    [
      'mar.num_sampling_steps',
      'ddim50',
      'mar.num_sampling_steps must be a whole number from 1 to 1000 but is "ddim50"',
    ],
    ['mar.img_size', 100, 'mar.img_size must be a multiple of 16 but is 100'],
    ['vae.ch_mult', [1, 1, 2, 2, 0], 'vae.ch_mult must be a list of 5 whole numbers'],
    ['vae.groups', 5, 'must be a multiple of vae.groups (5)'],
    ['vae', [], 'config.json: vae must be a JSON object but is []'],
    ['vae_scale', 0, 'vae_scale must be a number from 0.0001 to 10000 but is 0'],
    ['question', '', 'question must be a text but is ""'],
    ['tokenizer.eos', null, 'tokenizer.eos must be a text but is null'],
  ])('refuses %s = %j', (path, value, sentence) => {
    const parse = () => parseConfig(changed(path, value));
    expect(parse).toThrow(FileError);
    expect(parse).toThrow(sentence);
  });

  it.each([[null], [[]], ['{}'], [3]])('refuses %j as a whole', (json) => {
    expect(() => parseConfig(json, 'm/config.json')).toThrow('m/config.json: the file must be a JSON object');
  });
});

describe('the published variants', () => {
  it.each([
    ['0.5b', 64, 64],
    ['1.5b', 128, 80],
  ] as const)('%s has the head widths of its sizes', (name, language, mar) => {
    const config = harmonConfigs[name];
    expect(config.language.hiddenSize / config.language.heads).toBe(language);
    expect(config.language.headDim).toBe(language);
    expect(marHeadDims(config)).toEqual({ encoder: mar, decoder: mar });
    expect([vaeStride(config), nativeGrid(config)]).toEqual([16, 16]);
    expect([config.vae.latentScale, config.vae.groups, config.mar.bufferTokens]).toEqual([0.2325, 32, 64]);
    expect([config.diffusion.timesteps, config.repetitionPenalty]).toEqual([100, 1.1]);
  });
});
