/**
 * Opening a model from named files, wherever they lie: which of them are weights, and the configuration and the tokenizer that belong
 * to them. What is wrong is said in the words of whoever opens: options of a command line, or files to choose.
 */
import { type ByteSource, FileError, type TensorFile, openSharded, openTensorFile } from '../engine/index.ts';
import { checkTied, joinCheckpoint, overlayTensors, recognise } from './checkpoint.ts';
import { type HarmonConfig, harmonConfigs, parseConfig } from './config.ts';
import { type Tokenizer, createTokenizer } from './tokenizer.ts';

/** A model's files, open and checked against each other. */
export interface OpenModel {
  readonly config: HarmonConfig;
  readonly tokenizer: Tokenizer;
  readonly weights: TensorFile;
}

/** What to do about each mistake, as the end of a sentence. */
export interface Cures {
  readonly model: string;
  readonly vae: string;
  readonly vaeAlone: string;
  readonly noVae: string;
  readonly config: string;
  readonly tokenizer: string;
}

/** A small file, read whole. */
export interface TextFile {
  readonly name: string;
  readonly text: string;
}

/** The files of weights by name. The VAE's tensors may be in the model's file; those of overlays replace the model's, one after the other. */
export interface WeightNames {
  readonly model: string;
  readonly vae?: string;
  readonly overlays?: readonly string[];
}

/** Largest text file that is read, bytes. */
export const MAX_TEXT_FILE = 64 * 1024 * 1024;

/**
 * The files of weights among the names of a folder: the model's, or the index of its shards, and the VAE's, told by its name: kl16… or vae….
 * @throws FileError unless there is one of the model, and at most one of the VAE.
 */
export function pickWeights(place: string, names: readonly string[], cures: Cures, vae?: string): WeightNames {
  const indices = names.filter((name) => name.endsWith('.safetensors.index.json'));
  const shard = /-\d{5}-of-\d{5}\.safetensors$/;
  const weights = names.filter(
    (name) => /\.(pth|ckpt|safetensors)$/.test(name) && !(indices.length && shard.test(name)),
  );
  const isVae = (name: string) => /^(kl16|vae)/i.test(name);
  const models = [...indices, ...weights].filter((name) => !isVae(name));
  const vaes = [...indices, ...weights].filter(isVae);
  const one = (kind: string, cure: string, found: readonly string[]): never => {
    const what = found.length ? `has ${found.length} (${found.join(', ')})` : 'has none';
    throw new FileError(`${place}: must hold one file of ${kind} but ${what}: ${cure}`);
  };
  if (models.length !== 1) one("the model's weights", cures.model, models);
  if (vae === undefined && vaes.length > 1) one("the VAE's weights", cures.vae, vaes);
  return { model: models[0], vae: vae ?? vaes[0] };
}

/** Opens the files of weights as one, whatever they hold. `shard` opens a file that an index names. @throws FileError, AbortError. */
export async function openWeightFiles(
  { model, vae, overlays = [] }: WeightNames,
  files: {
    open(name: string): Promise<ByteSource>;
    text(name: string): Promise<string>;
    shard(index: string, name: string): Promise<ByteSource>;
  },
  signal?: AbortSignal,
): Promise<TensorFile> {
  const open = async (name: string): Promise<TensorFile> =>
    name.endsWith('.index.json')
      ? openSharded({ name, text: await files.text(name) }, (shard) => files.shard(name, shard), signal)
      : openTensorFile(await files.open(name), signal);
  const weights = await open(model);
  await checkTied(weights, signal);
  let joined = joinCheckpoint(weights, vae === undefined ? undefined : await open(vae));
  for (const overlay of overlays) joined = overlayTensors(joined, await open(overlay));
  return joined;
}

/** The two mistakes worth a sentence of their own, before every tensor is compared: a VAE alone, and no VAE. */
export function checkParts({ name, tensors }: TensorFile, cures: Cures): void {
  const has = (start: string) => [...tensors.keys()].some((key) => key.startsWith(start));
  if (!has('llm.') && !has('mar.') && (has('decoder.') || has('vae.')))
    throw new FileError(`${name}: must hold Harmon's weights but is a VAE: ${cures.vaeAlone}`);
  if (has('llm.') && !has('vae.')) throw new FileError(`${name}: has no VAE in it: ${cures.noVae}`);
}

/**
 * The configuration that lies beside the weights or belongs to their shapes; `embedded` reads the config.json of the embedded model. A config.json
 * beside downloaded weights may be another library's, with other keys: then the shapes decide. @throws FileError.
 */
export async function configOf(
  weights: TensorFile,
  beside: TextFile | undefined,
  embedded: () => Promise<TextFile>,
  cures: Cures,
): Promise<HarmonConfig> {
  const json = beside && parseJson(beside);
  if (beside && isHarmonConfig(json)) return parseConfig(json, beside.name);
  const kind = recognise(weights);
  if (kind === 'tiny') {
    const own = await embedded();
    return parseConfig(parseJson(own), own.name);
  }
  if (kind) return harmonConfigs[kind];
  throw new FileError(`${weights.name} is of no Harmon that this version knows: ${cures.config}`);
}

const isHarmonConfig = (json: unknown): boolean =>
  typeof json === 'object' && json !== null && ['llm', 'mar', 'vae'].every((key) => Object.hasOwn(json, key));

/** The tokenizer of a tokenizer.json, if it belongs to the model; without one, the embedded model's for itself. @throws FileError. */
export async function tokenizerOf(
  config: HarmonConfig,
  place: string,
  beside: TextFile | undefined,
  embedded: () => Promise<TextFile>,
  cures: Cures,
): Promise<Tokenizer> {
  if (!beside && config.name !== 'harmon-tiny')
    throw new FileError(`${place}: must hold the tokenizer.json of Qwen2.5 but does not: ${cures.tokenizer}`);
  const file = beside ?? (await embedded());
  const tokenizer = createTokenizer(parseJson(file), file.name);
  if (tokenizer.size > config.language.vocabSize)
    throw new FileError(
      `${file.name}: must have at most the ${config.language.vocabSize} tokens of ${config.name} but has ${tokenizer.size}: take the one that belongs to the weights`,
    );
  for (const name of [config.endToken, config.padToken]) tokenizer.control(name);
  return tokenizer;
}

/** A small file of text, read whole. @throws FileError. */
export async function readText(source: ByteSource, signal?: AbortSignal): Promise<TextFile> {
  const { name, size } = source;
  if (size > MAX_TEXT_FILE) throw new FileError(`${name}: must be at most ${MAX_TEXT_FILE} bytes but has ${size}`);
  return { name, text: new TextDecoder().decode(await source.read(0, size, signal)) };
}

/** @throws FileError for text that is no JSON. */
export function parseJson({ name, text }: TextFile): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (cause) {
    throw new FileError(`${name}: must be JSON but ${(cause as SyntaxError).message}`, { cause });
  }
}
