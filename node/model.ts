/**
 * Opening Harmon in Node: finds the files of a model (a folder, a checkpoint with its VAE, or the embedded model), reads what
 * says how big it is, and puts the model on a device. Weights are read by ranges when a task first needs them.
 */
import { existsSync } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';
import {
  ArgumentError,
  type Device,
  FileError,
  type Quantised,
  type TensorFile,
  isQuantised,
  openSharded,
  openTensorFile,
  throwIfAborted,
} from '../src/engine/index.ts';
import { joinCheckpoint, recognise } from '../src/harmon/checkpoint.ts';
import {
  Harmon,
  type HarmonConfig,
  type Tokenizer,
  createTokenizer,
  harmonConfigs,
  parseConfig,
} from '../src/harmon/index.ts';
import { openDevice } from './device.ts';
import { type FileSource, fileSource } from './files.ts';
import { packageFile } from './package.ts';
import { wordFor } from './word_for.ts';

/** Which files make up the model; none of them means the embedded model. */
export interface ModelPaths {
  /** Folder with config.json, tokenizer.json and weights (`*.pth`, `*.ckpt`, `*.safetensors`, sharded with its index). */
  readonly model?: string;
  /** File of the model's weights, in place of those in the folder. */
  readonly checkpoint?: string;
  /** File of the VAE's weights (kl16.ckpt); not needed where the checkpoint holds `vae.` tensors. */
  readonly vae?: string;
  /** `0.5b`, `1.5b` or the path of a config.json; recognised from the checkpoint without. */
  readonly config?: string;
  /** Path of a tokenizer.json; the one beside the weights without. */
  readonly tokenizer?: string;
  /** Keeps matrices on the device in fewer bits: `q8` or `q4`. */
  readonly quantise?: Quantised;
}

/** A model's files, open and checked against each other; `close` gives the descriptors back. */
export interface ModelFiles {
  readonly config: HarmonConfig;
  readonly tokenizer: Tokenizer;
  /** The tokenizer.json that it is from. */
  readonly tokenizerPath: string;
  readonly weights: TensorFile;
  readonly quantise?: Quantised;
  close(): Promise<void>;
}

export interface OpenHarmonOptions extends ModelPaths {
  /** A device to share, which stays its owner's; without, the model opens its own and destroys it with itself. */
  readonly device?: Device;
  readonly signal?: AbortSignal;
}

/** Folder of the model that comes with the package. */
export const embeddedModel = (): string => dirname(packageFile('models/harmon-tiny/config.json'));

/**
 * Opens a model and, without one, a device. `destroy` of the result gives back everything opened here.
 * @throws ArgumentError for options of the wrong kind, FileError for files that are missing, broken or of another model, GpuError without an adapter, AbortError.
 */
export async function openHarmon(options: OpenHarmonOptions = {}): Promise<Harmon> {
  checkOptions(options);
  const files = await openModelFiles(options, options.signal);
  let device: Device | undefined;
  try {
    device = options.device ?? (await openDevice());
    throwIfAborted(options.signal, 'open');
    return harmonOf(files, device, { ownsDevice: !options.device });
  } catch (error) {
    if (!options.device) device?.destroy();
    await files.close();
    throw error;
  }
}

function checkOptions(options: OpenHarmonOptions): void {
  if (typeof options !== 'object' || options === null)
    throw new ArgumentError(`[openHarmon] the options must be an object but are ${wordFor(options)}`);
  for (const key of ['model', 'checkpoint', 'vae', 'config', 'tokenizer'] as const)
    if (options[key] !== undefined && (typeof options[key] !== 'string' || options[key] === ''))
      throw new ArgumentError(`[openHarmon] ${key} must be a path, a string, but is ${wordFor(options[key])}`);
  if (options.quantise !== undefined && !isQuantised(options.quantise))
    throw new ArgumentError(`[openHarmon] quantise must be q8 or q4 but is ${String(options.quantise)}`);
}

/** The model of open files on a device; its `destroy` closes the files, and destroys the device where the model owns it. */
export function harmonOf(files: ModelFiles, device: Device, { ownsDevice }: { ownsDevice: boolean }): Harmon {
  const harmon = Harmon.open({ ...files, device });
  const destroyModel = harmon.destroy.bind(harmon);
  return Object.assign(harmon, {
    destroy() {
      destroyModel();
      void files.close();
      if (ownsDevice) device.destroy();
    },
  });
}

/** Opens and checks a model's files without touching a GPU. @throws FileError, ArgumentError, AbortError. */
export async function openModelFiles(paths: ModelPaths, signal?: AbortSignal): Promise<ModelFiles> {
  const { weights, beside, close } = await openWeights(paths, signal);
  try {
    checkParts(weights);
    const config = await readConfig(paths.config, beside, weights);
    const { tokenizer, path: tokenizerPath } = await readTokenizer(paths.tokenizer, beside, config);
    throwIfAborted(signal, 'open');
    return { config, tokenizer, tokenizerPath, weights, quantise: paths.quantise, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Opens the files of weights as one, whatever they hold, and says which folder the other files would be in. @throws FileError, AbortError. */
export async function openWeights(
  paths: ModelPaths,
  signal?: AbortSignal,
): Promise<{ weights: TensorFile; beside: string; close(): Promise<void> }> {
  const sources: FileSource[] = [];
  let closing: Promise<void> | undefined;
  const close = () => (closing ??= Promise.all(sources.map((source) => source.close())).then(() => undefined));
  const open = async (path: string): Promise<TensorFile> => {
    const source = async (file: string) => {
      const opened = await fileSource(file);
      sources.push(opened);
      return opened;
    };
    if (!path.endsWith('.index.json')) return openTensorFile(await source(path), signal);
    const index = { name: path, text: await readText(path) };
    return openSharded(index, async (shard) => source(await inside(dirname(path), shard)), signal);
  };
  try {
    const { folder, checkpoint, vae } = await locate(paths);
    const model = await open(checkpoint);
    const weights = joinCheckpoint(model, vae === undefined ? undefined : await open(vae));
    return { weights, beside: folder ?? dirname(checkpoint), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The files of weights. In a folder, the VAE's is told by its name: kl16… or vae…. */
async function locate({ model, checkpoint, vae }: ModelPaths) {
  if (checkpoint !== undefined) return { folder: model, checkpoint, vae };
  const folder = model ?? embeddedModel();
  const info = await stat(folder).catch(() => undefined);
  if (!info?.isDirectory())
    throw new FileError(
      `${folder}: must be a model folder but ${info ? 'is a file: name it with --checkpoint' : 'there is none'}`,
    );
  const names = (await readdir(folder)).filter((name) => !name.startsWith('.')).sort();
  const indices = names.filter((name) => name.endsWith('.safetensors.index.json'));
  const shard = /-\d{5}-of-\d{5}\.safetensors$/;
  const weights = names.filter(
    (name) => /\.(pth|ckpt|safetensors)$/.test(name) && !(indices.length && shard.test(name)),
  );
  const isVae = (name: string) => /^(kl16|vae)/i.test(name);
  const models = [...indices, ...weights].filter((name) => !isVae(name));
  const vaes = [...indices, ...weights].filter(isVae);
  const one = (kind: string, option: string, found: readonly string[]): never => {
    const what = found.length ? `has ${found.length} (${found.join(', ')})` : 'has none';
    throw new FileError(`${folder}: must hold one file of ${kind} but ${what}: name it with ${option}`);
  };
  if (models.length !== 1) one("the model's weights", '--checkpoint', models);
  if (vae === undefined && vaes.length > 1) one("the VAE's weights", '--vae', vaes);
  return {
    folder,
    checkpoint: await inside(folder, models[0], '--checkpoint'),
    vae: vae ?? (vaes.length ? await inside(folder, vaes[0], '--vae') : undefined),
  };
}

/**
 * The path of a file in a model's folder. Links may not lead out of it: a model from elsewhere has no say in which files of this
 * machine are read. The cache of Hugging Face keeps what its snapshots link to in `blobs` beside them. @throws FileError.
 */
async function inside(folder: string, name: string, option?: string): Promise<string> {
  const path = join(folder, name);
  const real = await realpath(path).catch(() => undefined);
  if (real === undefined) return path; // opening it says what is wrong
  const home = await realpath(folder);
  const homes = [home, ...(basename(dirname(home)) === 'snapshots' ? [join(home, '../../blobs')] : [])];
  if (homes.some((at) => real.startsWith(at.endsWith(sep) ? at : at + sep))) return path;
  const cure = option ? `copy it there, or name it with ${option}` : 'copy it there';
  throw new FileError(`${path}: must lie in the model's folder but is a link to ${real}: ${cure}`);
}

/** The two mistakes worth a sentence of their own, before every tensor is compared: a VAE alone, and no VAE. */
function checkParts({ name, tensors }: TensorFile): void {
  const has = (start: string) => [...tensors.keys()].some((key) => key.startsWith(start));
  if (!has('llm.') && !has('mar.') && (has('decoder.') || has('vae.')))
    throw new FileError(`${name}: must hold Harmon's weights but is a VAE: give it with --vae, beside --checkpoint`);
  if (has('llm.') && !has('vae.'))
    throw new FileError(`${name}: has no VAE in it: name the file that has it (kl16.ckpt) with --vae`);
}

/** The configuration that is chosen, lies beside the weights or belongs to their shapes. @throws FileError. */
export async function readConfig(
  choice: string | undefined,
  folder: string,
  weights: TensorFile,
): Promise<HarmonConfig> {
  if (choice === '0.5b' || choice === '1.5b') return harmonConfigs[choice];
  const beside = choice ?? (await inside(folder, 'config.json', '--config'));
  const path = choice ?? (existsSync(beside) && (await isHarmonConfig(beside)) ? beside : undefined);
  if (path !== undefined) return parseConfig(await readJson(path), path);
  const kind = recognise(weights);
  if (kind === 'tiny') return readConfig(join(embeddedModel(), 'config.json'), folder, weights);
  if (kind) return harmonConfigs[kind];
  throw new FileError(
    `${weights.name} is of no Harmon that this version knows: name its configuration with --config (0.5b, 1.5b or a config.json)`,
  );
}

/** A config.json beside downloaded weights may be another library's, with other keys: then the shapes decide. */
async function isHarmonConfig(path: string): Promise<boolean> {
  const json = await readJson(path);
  return typeof json === 'object' && json !== null && ['llm', 'mar', 'vae'].every((key) => Object.hasOwn(json, key));
}

async function readTokenizer(
  choice: string | undefined,
  folder: string,
  config: HarmonConfig,
): Promise<{ tokenizer: Tokenizer; path: string }> {
  let path = choice ?? (await inside(folder, 'tokenizer.json', '--tokenizer'));
  if (choice === undefined && !existsSync(path)) {
    if (config.name !== 'harmon-tiny')
      throw new FileError(
        `${folder}: must hold the tokenizer.json of Qwen2.5 but does not: download it there, or name it with --tokenizer`,
      );
    path = join(embeddedModel(), 'tokenizer.json');
  }
  const tokenizer = createTokenizer(await readJson(path), path);
  if (tokenizer.size > config.language.vocabSize)
    throw new FileError(
      `${path}: must have at most the ${config.language.vocabSize} tokens of ${config.name} but has ${tokenizer.size}: take the one that belongs to the weights`,
    );
  for (const name of [config.endToken, config.padToken]) tokenizer.control(name);
  return { tokenizer, path };
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse((await readText(path)).replace(/^\uFEFF/, ''));
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw new FileError(`${path}: must be JSON but ${cause.message}`, { cause });
  }
}

async function readText(path: string): Promise<string> {
  const source = await fileSource(path);
  try {
    if (source.size > MAX_JSON)
      throw new ArgumentError(`[${basename(path)}] must be at most ${MAX_JSON} bytes but has ${source.size}`);
    return new TextDecoder().decode(await source.read(0, source.size));
  } finally {
    await source.close();
  }
}

const MAX_JSON = 64 * 1024 * 1024;
