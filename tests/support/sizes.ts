/** The sizes that timed cases take: widths and rows of every Harmon's passes, with pictures of 256 and 512 pixels; the embedded one at its own 128. */
import tiny from '../../models/harmon-tiny/config.json' with { type: 'json' };
import { type HarmonConfig, harmonConfigs, parseConfig } from '../../src/harmon/index.ts';

export interface Sizes {
  /** MAR: width, MLP width, heads. */
  readonly E: number;
  readonly mlp: number;
  readonly marHeads: number;
  /** Language model: width, width of keys and values, MLP width, heads, kv heads, head width, vocabulary. */
  readonly H: number;
  readonly KV: number;
  readonly I: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly D: number;
  readonly V: number;
  /** Diffusion head: width. */
  readonly W: number;
  /** Buffer and image tokens, at each picture size: rows of the MAR stacks. */
  readonly tokens: readonly number[];
  /** The same with the default question around them: rows of a prefill. */
  readonly prompts: readonly number[];
}

const QUESTION = 15;

const of = ({ mar, language, diffusion }: HarmonConfig, pixels: readonly number[]): Sizes => {
  const tokens = pixels.map((side) => mar.bufferTokens + (side / 16) ** 2);
  return {
    E: mar.width,
    mlp: mar.mlpWidth,
    marHeads: mar.encoderHeads,
    H: language.hiddenSize,
    KV: language.kvHeads * language.headDim,
    I: language.intermediateSize,
    heads: language.heads,
    kvHeads: language.kvHeads,
    D: language.headDim,
    V: language.vocabSize,
    W: diffusion.width,
    tokens,
    prompts: tokens.map((n) => n + QUESTION),
  };
};

/** Harmon-0.5B, -1.5B and the embedded model. */
export const small = of(harmonConfigs['0.5b'], [256, 512]);
export const large = of(harmonConfigs['1.5b'], [256, 512]);
export const embedded = of(parseConfig(tiny, 'harmon-tiny'), [128]);
export const models = [small, large, embedded] as const;

/** Rows of the diffusion head: both branches of the tokens that one iteration predicts. */
export const diffusionRows = [2, 8, 32, 128] as const;
