/**
 * Opening Harmon in Node: finds the files of a model (a folder, a checkpoint with its VAE, or the embedded model), reads what
 * says how big it is, and puts the model on a device. Weights are read by ranges when a task first needs them.
 */
import { existsSync } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';
import {
  ArgumentError,
  type Choices,
  type Device,
  FileError,
  type Quantised,
  type TensorFile,
  isQuantised,
  throwIfAborted,
} from '../src/engine/index.ts';
import {
  Harmon,
  type HarmonConfig,
  type MemoryNeed,
  type MemoryOptions,
  harmonConfigs,
  parseConfig,
} from '../src/harmon/index.ts';
import { checkMemory } from '../src/harmon/arrangement.ts';
import {
  type Cures,
  type OpenModel,
  type TextFile,
  checkParts,
  configOf,
  openWeightFiles,
  parseJson,
  pickWeights,
  readText,
  tokenizerOf,
} from '../src/harmon/open.ts';
import { MANIFEST, parseManifest } from '../src/harmon/manifest.ts';
import { checkKeys } from '../src/harmon/options.ts';
import { settledForm } from '../src/harmon/planned.ts';
import { openDevice } from './device.ts';
import { type FileSource, fileSource } from './files.ts';
import type { HubOptions } from './hub/download.ts';
import { isHubName } from './hub/name.ts';
import { packageFile } from './package.ts';
import { wordFor } from './word_for.ts';

/** Which files make up the model; none of them means the embedded model. */
export interface ModelPaths extends MemoryOptions {
  /**
   * Folder with config.json, tokenizer.json and weights (`*.pth`, `*.ckpt`, `*.safetensors`, sharded with its index), or `hf:owner/name@revision`,
   * which is fetched into the cache folder. The other paths may be `hf:owner/name/file@revision`.
   */
  readonly model?: string;
  /** File of the model's weights, in place of those in the folder. */
  readonly checkpoint?: string;
  /** File of the VAE's weights (kl16.ckpt); not needed where the checkpoint holds `vae.` tensors. */
  readonly vae?: string;
  /** Files whose tensors replace those of the same name, such as harmon_1.5b-o.pth over harmon_1.5b.pth; the last one counts. */
  readonly overlay?: string | readonly string[];
  /** `0.5b`, `1.5b` or the path of a config.json; recognised from the checkpoint without. */
  readonly config?: string;
  /** Path of a tokenizer.json; the one beside the weights without. */
  readonly tokenizer?: string;
}

/** A model's files, open and checked against each other; `close` gives the descriptors back. */
export interface ModelFiles extends OpenModel {
  /** The tokenizer.json that the tokenizer is from. */
  readonly tokenizerPath: string;
  readonly quantise?: Quantised;
  readonly memory?: number;
  /** What the task that must fit takes at its fullest, where `memory` is limited. */
  readonly need?: MemoryNeed;
  close(): Promise<void>;
}

export interface OpenHarmonOptions extends ModelPaths {
  /** A device to share, which stays its owner's; without, the model opens its own and destroys it with itself. */
  readonly device?: Device;
  /** Variants of kernels to use in place of the defaults, such as `tunedChoices` of the device. */
  readonly choices?: Choices;
  /** Looks at every tensor that is stored, for `ranges`; a task ends at the first NaN or infinity. Slow: for checks. */
  readonly checkRange?: boolean;
  readonly signal?: AbortSignal;
  /** Bytes of a model of a hub that are here or on their way; not called where all are here. */
  readonly onDownload?: HubOptions['onDownload'];
}

/** Folder of the model that comes with the package. */
export const embeddedModel = (): string => dirname(packageFile('models/harmon-tiny/config.json'));

/**
 * Opens a model and, without one, a device. `destroy` of the result gives back everything opened here.
 * @throws ArgumentError for options of the wrong kind, FileError for files that are missing, broken or of another model, GpuError without an adapter, AbortError.
 */
export async function openHarmon(options: OpenHarmonOptions = {}): Promise<Harmon> {
  checkOptions(options);
  let device = options.device;
  let files: ModelFiles | undefined;
  try {
    if (options.memory !== undefined) device ??= await openDevice();
    files = await openModelFiles(options, options.signal, { ...options, limits: device?.planLimits });
    device ??= await openDevice();
    throwIfAborted(options.signal, 'open');
    const { choices, checkRange } = options;
    return harmonOf(files, device, { ownsDevice: !options.device, choices, checkRange });
  } catch (error) {
    if (!options.device) device?.destroy();
    await files?.close();
    throw error;
  }
}

const KEYS: Record<keyof OpenHarmonOptions, true> = {
  model: true,
  checkpoint: true,
  vae: true,
  overlay: true,
  config: true,
  tokenizer: true,
  quantise: true,
  memory: true,
  fit: true,
  device: true,
  choices: true,
  checkRange: true,
  signal: true,
  onDownload: true,
};

function checkOptions(options: OpenHarmonOptions): void {
  if (typeof options !== 'object' || options === null)
    throw new ArgumentError(`[openHarmon] the options must be an object but are ${wordFor(options)}`);
  checkKeys('openHarmon', options, KEYS);
  for (const key of ['model', 'checkpoint', 'vae', 'config', 'tokenizer'] as const)
    if (options[key] !== undefined && (typeof options[key] !== 'string' || options[key] === ''))
      throw new ArgumentError(`[openHarmon] ${key} must be a path, a string, but is ${wordFor(options[key])}`);
  for (const path of [options.overlay ?? []].flat())
    if (typeof path !== 'string' || path === '')
      throw new ArgumentError(`[openHarmon] overlay must be a path or a list of paths but has ${wordFor(path)}`);
  if (options.quantise !== undefined && !isQuantised(options.quantise))
    throw new ArgumentError(`[openHarmon] quantise must be q8 or q4 but is ${String(options.quantise)}`);
  if (options.checkRange !== undefined && typeof options.checkRange !== 'boolean')
    throw new ArgumentError(`[openHarmon] checkRange must be true or false but is ${wordFor(options.checkRange)}`);
  if (options.onDownload !== undefined && typeof options.onDownload !== 'function')
    throw new ArgumentError(`[openHarmon] onDownload must be a function but is ${wordFor(options.onDownload)}`);
  checkMemory('openHarmon', options.memory);
  if (options.choices !== undefined && !(options.choices instanceof Map))
    throw new ArgumentError(`[openHarmon] choices must be a Map of names by key but is ${wordFor(options.choices)}`);
}

/** The model of open files on a device; its `destroy` closes the files, and destroys the device where the model owns it. */
export function harmonOf(
  files: ModelFiles,
  device: Device,
  { ownsDevice, choices, checkRange }: { ownsDevice: boolean; choices?: Choices; checkRange?: boolean },
): Harmon {
  const harmon = Harmon.open({ ...files, device, choices, checkRange });
  const destroyModel = harmon.destroy.bind(harmon);
  return Object.assign(harmon, {
    destroy() {
      destroyModel();
      void files.close();
      if (ownsDevice) device.destroy();
    },
  });
}

/**
 * Opens and checks a model's files without touching a GPU; fetches first what a hub has. `limits` of the device that shall hold the model decide with
 * `memory` about the form of its weights.
 * @throws FileError, ArgumentError, AbortError.
 */
export async function openModelFiles(
  named: ModelPaths,
  signal?: AbortSignal,
  { onDownload, onNote, limits }: Pick<HubOptions, 'onDownload' | 'onNote'> & { limits?: Device['planLimits'] } = {},
): Promise<ModelFiles> {
  const paths = await fetched(named, { signal, onDownload, onNote });
  const { weights, beside, close } = await openWeights(paths, signal);
  try {
    checkParts(weights, cures);
    const config = await readConfig(paths.config, beside, weights);
    const tokenizerFile = await tokenizerIn(beside, paths.tokenizer);
    const tokenizer = await tokenizerOf(config, beside, tokenizerFile, () => embeddedText('tokenizer.json'), cures);
    throwIfAborted(signal, 'open');
    const tokenizerPath = tokenizerFile?.name ?? join(embeddedModel(), 'tokenizer.json');
    return { config, tokenizer, tokenizerPath, weights, ...settledForm(paths, config, weights, limits), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Paths in place of a hub's names. What speaks with a hub is only loaded for them. */
async function fetched(paths: ModelPaths, options: HubOptions): Promise<ModelPaths> {
  const { model, checkpoint, vae, tokenizer, config } = paths;
  if (![model, checkpoint, vae, tokenizer, config].some(isHubName)) return paths;
  const { localPaths } = await import('./hub/paths.ts');
  return localPaths(paths, options);
}

const cures: Cures = {
  model: 'name it with --checkpoint',
  vae: 'name it with --vae',
  vaeAlone: 'give it with --vae, beside --checkpoint',
  noVae: 'name the file that has it (kl16.ckpt) with --vae',
  config: 'name its configuration with --config (0.5b, 1.5b or a config.json)',
  tokenizer: 'download it there, or name it with --tokenizer',
};

/** Opens the files of weights as one, whatever they hold, and says which folder the other files would be in. @throws FileError, AbortError. */
export async function openWeights(
  paths: ModelPaths,
  signal?: AbortSignal,
): Promise<{ weights: TensorFile; beside: string; close(): Promise<void> }> {
  const sources: FileSource[] = [];
  let closing: Promise<void> | undefined;
  const close = () => (closing ??= Promise.all(sources.map((source) => source.close())).then(() => undefined));
  const open = async (path: string) => {
    const opened = await fileSource(path);
    sources.push(opened);
    return opened;
  };
  const shard = async (index: string, name: string) => open(await inside(dirname(index), name));
  const text = async (path: string) => (await textOf(path)).text;
  try {
    const { folder, checkpoint, vae } = await locate(paths);
    const overlays = [paths.overlay ?? []].flat();
    const weights = await openWeightFiles({ model: checkpoint, vae, overlays }, { open, text, shard }, signal);
    return { weights, beside: folder ?? dirname(checkpoint), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The files of weights. */
async function locate({ model, checkpoint, vae }: ModelPaths) {
  if (checkpoint !== undefined) return { folder: model, checkpoint, vae };
  const folder = model ?? embeddedModel();
  const info = await stat(folder).catch(() => undefined);
  if (!info?.isDirectory())
    throw new FileError(
      `${folder}: must be a model folder but ${info ? 'is a file: name it with --checkpoint' : 'there is none'}`,
    );
  const names = (await readdir(folder)).filter((name) => !name.startsWith('.')).sort();
  if (names.includes(MANIFEST)) await checkWhole(folder, names);
  const picked = pickWeights(folder, names, cures, vae);
  return {
    folder,
    checkpoint: await inside(folder, picked.model, '--checkpoint'),
    vae: vae ?? (picked.vae === undefined ? undefined : await inside(folder, picked.vae, '--vae')),
  };
}

/** A folder that `convert` made has all files of weights that it lists. @throws FileError. */
async function checkWhole(folder: string, names: readonly string[]): Promise<void> {
  const list = await inside(folder, MANIFEST);
  const { files } = parseManifest(parseJson(await textOf(list)), list);
  const missing = files.find(({ name }) => isWeights(name) && !names.includes(name));
  if (missing)
    throw new FileError(
      `${folder}: must hold the weights that its ${MANIFEST} lists but has no ${missing.name}: run overtone convert again, or copy it there`,
    );
}

const isWeights = (name: string): boolean => /\.(pth|ckpt|safetensors|index\.json)$/.test(name);

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

/** The configuration that is chosen, lies beside the weights or belongs to their shapes. @throws FileError. */
export async function readConfig(
  choice: string | undefined,
  folder: string,
  weights: TensorFile,
): Promise<HarmonConfig> {
  if (choice === '0.5b' || choice === '1.5b') return harmonConfigs[choice];
  if (choice !== undefined) return parseConfig(parseJson(await textOf(choice)), choice);
  const path = await inside(folder, 'config.json', '--config');
  const beside = existsSync(path) ? await textOf(path) : undefined;
  return configOf(weights, beside, () => embeddedText('config.json'), cures);
}

async function tokenizerIn(folder: string, choice: string | undefined): Promise<TextFile | undefined> {
  const path = choice ?? (await inside(folder, 'tokenizer.json', '--tokenizer'));
  return choice === undefined && !existsSync(path) ? undefined : textOf(path);
}

const embeddedText = (name: string): Promise<TextFile> => textOf(join(embeddedModel(), name));

async function textOf(path: string): Promise<TextFile> {
  const source = await fileSource(path);
  try {
    return await readText(source);
  } finally {
    await source.close();
  }
}
