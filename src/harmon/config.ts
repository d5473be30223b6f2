/**
 * What varies between Harmons: sizes, heads, grids, and the few texts and numbers that belong to a checkpoint.
 * `harmonConfigs` has the published variants; `parseConfig` reads a model folder's config.json. Nothing else in src/harmon holds a size.
 */
import { FileError } from '../engine/index.ts';
import { shownJson } from './shown_json.ts';

/** The Qwen2 language model. */
export interface LanguageConfig {
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** Rows of the embedding table, which may be more than the tokenizer has tokens. */
  readonly vocabSize: number;
  readonly ropeTheta: number;
  readonly rmsNormEps: number;
  readonly tiedEmbeddings: boolean;
  readonly maxPositions: number;
}

/** The MAR encoder and decoder, both stacks of ViT blocks over buffer tokens and image tokens. */
export interface MarConfig {
  readonly width: number;
  readonly mlpWidth: number;
  readonly encoderDepth: number;
  readonly encoderHeads: number;
  readonly decoderDepth: number;
  readonly decoderHeads: number;
  readonly bufferTokens: number;
  readonly tokenDim: number;
  /** Side of the picture, in pixels, whose token grid the position tables are stored for. */
  readonly nativeImageSize: number;
  /** Rows of the class embedding table: stored, never used. */
  readonly classes: number;
  readonly layerNormEps: number;
}

/** The diffusion head (an MLP with adaptive layer norms) and its sampler. */
export interface DiffusionConfig {
  readonly width: number;
  readonly blocks: number;
  /** Timesteps that sampling visits by default, out of the 1000 of training. */
  readonly timesteps: number;
}

/** The KL-16 VAE. */
export interface VaeConfig {
  readonly baseChannels: number;
  readonly channelMultipliers: readonly number[];
  /** Residual blocks in each level of the encoder; the decoder has one more. */
  readonly resBlocks: number;
  readonly latentChannels: number;
  readonly groups: number;
  readonly groupNormEps: number;
  /** Latents are the encoder's mean times this. */
  readonly latentScale: number;
}

/** Everything in which one Harmon differs from another. */
export interface HarmonConfig {
  readonly name: string;
  readonly language: LanguageConfig;
  readonly mar: MarConfig;
  readonly diffusion: DiffusionConfig;
  readonly vae: VaeConfig;
  /** The control tokens, by the text they have in the tokenizer. */
  readonly endToken: string;
  readonly padToken: string;
  readonly repetitionPenalty: number;
  /** What the unconditional branch of guidance is asked. */
  readonly unconditionalPrompt: string;
  /** The question that image-to-text asks by default. */
  readonly question: string;
}

const published = {
  mar: { bufferTokens: 64, tokenDim: 16, nativeImageSize: 256, classes: 1000, layerNormEps: 1e-6 },
  language: { vocabSize: 151936, ropeTheta: 1e6, rmsNormEps: 1e-6, tiedEmbeddings: true, maxPositions: 32768 },
  vae: {
    baseChannels: 128,
    channelMultipliers: [1, 1, 2, 2, 4],
    resBlocks: 2,
    latentChannels: 16,
    groups: 32,
    groupNormEps: 1e-6,
    latentScale: 0.2325,
  },
  endToken: '<|im_end|>',
  padToken: '<|im_end|>',
  repetitionPenalty: 1.1,
  unconditionalPrompt: 'Generate an image.',
  question: 'Describe the image in detail.',
} as const;

/** The published variants. */
export const harmonConfigs: Readonly<Record<'0.5b' | '1.5b', HarmonConfig>> = {
  '0.5b': {
    ...published,
    name: 'harmon-0.5b',
    language: {
      ...published.language,
      hiddenSize: 896,
      intermediateSize: 4864,
      layers: 24,
      heads: 14,
      kvHeads: 2,
      headDim: 64,
    },
    mar: {
      ...published.mar,
      width: 768,
      mlpWidth: 3072,
      encoderDepth: 12,
      encoderHeads: 12,
      decoderDepth: 12,
      decoderHeads: 12,
    },
    diffusion: { width: 1024, blocks: 6, timesteps: 100 },
  },
  '1.5b': {
    ...published,
    name: 'harmon-1.5b',
    language: {
      ...published.language,
      hiddenSize: 1536,
      intermediateSize: 8960,
      layers: 28,
      heads: 12,
      kvHeads: 2,
      headDim: 128,
    },
    mar: {
      ...published.mar,
      width: 1280,
      mlpWidth: 5120,
      encoderDepth: 20,
      encoderHeads: 16,
      decoderDepth: 20,
      decoderHeads: 16,
    },
    diffusion: { width: 1536, blocks: 12, timesteps: 100 },
  },
};

/** Pixels a side for each latent position: 2 for every level of the VAE but the last. */
export function vaeStride(config: HarmonConfig): number {
  return 2 ** (config.vae.channelMultipliers.length - 1);
}

/** Side of the token grid that the position tables are stored for. */
export function nativeGrid(config: HarmonConfig): number {
  return config.mar.nativeImageSize / vaeStride(config);
}

/** Width of one attention head of the MAR encoder and decoder. */
export function marHeadDims(config: HarmonConfig): { encoder: number; decoder: number } {
  return { encoder: config.mar.width / config.mar.encoderHeads, decoder: config.mar.width / config.mar.decoderHeads };
}

/** Levels of the VAE: the graphs are for latents of 16 × 16 pixels. */
const LEVELS = 5;

/** What an epsilon of a norm may be: below, f32 loses it; above, it outweighs what it guards. */
const EPS = [1e-12, 0.1] as const;

/**
 * Reads the parsed JSON of a model folder's config.json. `file` names it in errors.
 * @throws FileError for a missing section, a number out of range, or sizes that contradict each other.
 */
export function parseConfig(json: unknown, file = 'config.json'): HarmonConfig {
  const root = section(json, file, '');
  const llm = root.section('llm');
  const mar = root.section('mar');
  const vae = root.section('vae');
  const tokenizer = root.section('tokenizer');
  const width = mar.count('embed_dim', 16384);
  const config: HarmonConfig = {
    name: root.text('model'),
    language: {
      hiddenSize: llm.count('hidden_size', 16384),
      intermediateSize: llm.count('intermediate_size', 65536),
      layers: llm.count('num_hidden_layers', 256),
      heads: llm.count('num_attention_heads', 256),
      kvHeads: llm.count('num_key_value_heads', 256),
      headDim: llm.count('head_dim', 512),
      vocabSize: llm.count('vocab_size', 1 << 20),
      ropeTheta: llm.real('rope_theta', 1, 1e12),
      rmsNormEps: llm.real('rms_norm_eps', ...EPS),
      tiedEmbeddings: llm.flag('tie_word_embeddings'),
      maxPositions: llm.count('max_position_embeddings', 1 << 24, 32768),
    },
    mar: {
      width,
      mlpWidth: 4 * width,
      encoderDepth: mar.count('encoder_depth', 256),
      encoderHeads: mar.count('encoder_num_heads', 256),
      decoderDepth: mar.count('decoder_depth', 256),
      decoderHeads: mar.count('decoder_num_heads', 256),
      bufferTokens: mar.count('buffer_size', 4096),
      tokenDim: mar.count('token_dim', 256),
      nativeImageSize: mar.count('img_size', 4096),
      classes: mar.count('class_num', 1 << 20),
      layerNormEps: 1e-6,
    },
    diffusion: {
      width: mar.count('diffloss_w', 16384),
      blocks: mar.count('diffloss_d', 256),
      timesteps: mar.count('num_sampling_steps', 1000),
    },
    vae: {
      baseChannels: vae.count('ch', 4096),
      channelMultipliers: vae.counts('ch_mult', LEVELS, 64),
      resBlocks: vae.count('num_res_blocks', 64),
      latentChannels: vae.count('z_channels', 256),
      groups: vae.count('groups', 4096),
      groupNormEps: vae.real('eps', ...EPS),
      latentScale: root.real('vae_scale', 1e-4, 1e4),
    },
    endToken: tokenizer.text('eos'),
    padToken: tokenizer.text('pad'),
    repetitionPenalty: root.real('repetition_penalty', 0.1, 10),
    unconditionalPrompt: root.text('unconditional_prompt'),
    question: root.text('question'),
  };
  const rule = (holds: boolean, sentence: string) => {
    if (!holds) throw new FileError(`${file}: ${sentence}`);
  };
  const { language, mar: m, vae: v } = config;
  rule(mar.count('patch_size', 64) === 1, `mar.patch_size must be 1, the only size this library runs`);
  rule(
    language.heads % language.kvHeads === 0,
    `llm.num_attention_heads (${language.heads}) must be a multiple of llm.num_key_value_heads (${language.kvHeads})`,
  );
  rule(language.headDim % 2 === 0, `llm.head_dim must be even for rotary positions but is ${language.headDim}`);
  for (const [name, heads] of [
    ['encoder_num_heads', m.encoderHeads],
    ['decoder_num_heads', m.decoderHeads],
  ] as const)
    rule(width % heads === 0, `mar.embed_dim (${width}) must be a multiple of mar.${name} (${heads})`);
  rule(
    m.tokenDim === v.latentChannels,
    `mar.token_dim (${m.tokenDim}) must equal vae.z_channels (${v.latentChannels}) at patch size 1`,
  );
  rule(config.diffusion.timesteps >= 2, `mar.num_sampling_steps must be at least 2 but is 1`);
  rule(
    v.channelMultipliers.every((x) => (v.baseChannels * x) % v.groups === 0),
    `vae.ch times each of vae.ch_mult must be a multiple of vae.groups (${v.groups})`,
  );
  rule(
    Number.isInteger(nativeGrid(config)),
    `mar.img_size must be a multiple of ${vaeStride(config)} but is ${m.nativeImageSize}`,
  );
  return config;
}

/** A configuration as the JSON that `parseConfig` reads. */
export function configJson(config: HarmonConfig): object {
  const { language: l, mar, diffusion, vae } = config;
  return {
    model: config.name,
    llm: {
      hidden_size: l.hiddenSize,
      intermediate_size: l.intermediateSize,
      num_hidden_layers: l.layers,
      num_attention_heads: l.heads,
      num_key_value_heads: l.kvHeads,
      head_dim: l.headDim,
      vocab_size: l.vocabSize,
      rope_theta: l.ropeTheta,
      rms_norm_eps: l.rmsNormEps,
      tie_word_embeddings: l.tiedEmbeddings,
      max_position_embeddings: l.maxPositions,
    },
    mar: {
      embed_dim: mar.width,
      encoder_depth: mar.encoderDepth,
      encoder_num_heads: mar.encoderHeads,
      decoder_depth: mar.decoderDepth,
      decoder_num_heads: mar.decoderHeads,
      buffer_size: mar.bufferTokens,
      token_dim: mar.tokenDim,
      img_size: mar.nativeImageSize,
      class_num: mar.classes,
      patch_size: 1,
      diffloss_w: diffusion.width,
      diffloss_d: diffusion.blocks,
      num_sampling_steps: diffusion.timesteps,
    },
    vae: {
      ch: vae.baseChannels,
      ch_mult: vae.channelMultipliers,
      num_res_blocks: vae.resBlocks,
      z_channels: vae.latentChannels,
      groups: vae.groups,
      eps: vae.groupNormEps,
    },
    vae_scale: vae.latentScale,
    tokenizer: { eos: config.endToken, pad: config.padToken },
    repetition_penalty: config.repetitionPenalty,
    unconditional_prompt: config.unconditionalPrompt,
    question: config.question,
  };
}

interface Section {
  section(key: string): Section;
  text(key: string): string;
  flag(key: string): boolean;
  real(key: string, least: number, most: number): number;
  count(key: string, most: number, otherwise?: number): number;
  counts(key: string, length: number, most: number): readonly number[];
}

/** Typed reads of one JSON object; every refusal names the file, the key, what must be there and what was. */
function section(json: unknown, file: string, path: string): Section {
  const refuse = (key: string, must: string, was: unknown): never => {
    throw new FileError(
      `${file}: ${path}${key} must be ${must} but ${was === undefined ? 'is missing' : `is ${shownJson(was, 60)}`}`,
    );
  };
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new FileError(
      `${file}: ${path === '' ? 'the file' : path.slice(0, -1)} must be a JSON object but is ${shownJson(json, 60)}`,
    );
  const at = (key: string): unknown => (Object.hasOwn(json, key) ? (json as Record<string, unknown>)[key] : undefined);
  const whole = (value: unknown, most: number): value is number =>
    Number.isInteger(value) && (value as number) >= 1 && (value as number) <= most;
  return {
    section: (key) => section(at(key) ?? refuse(key, 'a JSON object', undefined), file, `${path}${key}.`),
    text(key) {
      const value = at(key);
      return typeof value === 'string' && value.length > 0 ? value : refuse(key, 'a text', value);
    },
    flag(key) {
      const value = at(key);
      return typeof value === 'boolean' ? value : refuse(key, 'true or false', value);
    },
    real(key, least, most) {
      const value = at(key);
      return typeof value === 'number' && value >= least && value <= most
        ? value
        : refuse(key, `a number from ${least} to ${most}`, value);
    },
    count(key, most, otherwise) {
      const value = at(key) ?? otherwise;
      // The reference writes num_sampling_steps as a text of digits.
      const number = typeof value === 'string' && /^[0-9]{1,9}$/.test(value) ? Number(value) : value;
      return whole(number, most) ? number : refuse(key, `a whole number from 1 to ${most}`, value);
    },
    counts(key, length, most) {
      const value = at(key);
      return Array.isArray(value) && value.length === length && value.every((x) => whole(x, most))
        ? (value as number[])
        : refuse(key, `a list of ${length} whole numbers from 1 to ${most}`, value);
    },
  };
}
