/** What a file of weights holds, without loading it: sizes by dtype and part, which Harmon it belongs to, and what that one lacks. */
import { join } from 'node:path';
import {
  FileError,
  OvertoneError,
  type PlannedBytes,
  type TensorFile,
  storedSize,
  throwIfAborted,
} from '../src/engine/index.ts';
import { finiteTensors } from '../src/harmon/cast_weights.ts';
import { UNUSED_TENSORS } from '../src/harmon/checkpoint.ts';
import { declaredTensors } from '../src/harmon/declared.ts';
import { type HarmonConfig, harmonConfigs, plannedPicture } from '../src/harmon/index.ts';
import { type ModelPaths, embeddedModel, openWeights, readConfig } from './model.ts';
import { CHUNK, rowsOf } from './rows.ts';

export interface WeightReport {
  readonly name: string;
  readonly format: string;
  readonly tensors: readonly { name: string; dtype: string; shape: readonly number[]; bytes: number }[];
  readonly bytes: number;
  /** By dtype, the most bytes first. */
  readonly dtypes: Readonly<Record<string, Sum>>;
  /** By the first word of the names: llm, mar, proj_in, proj_out, vae. */
  readonly parts: Readonly<Record<string, Sum>>;
  /** The configuration's name; nothing where the file is of no Harmon that is known. */
  readonly model?: string;
  /** The file is a VAE by itself. */
  readonly isVae: boolean;
  readonly missing: readonly string[];
  /** With the shape that there must be and the one that is. */
  readonly misshapen: readonly string[];
  /** What published files have and nobody needs to make pictures or words. */
  readonly unused: readonly string[];
  readonly unknown: readonly string[];
  /** Of a complete model: the side of its usual picture, and what making one takes on a device with WebGPU's own limits, in bytes. */
  readonly planned?: PlannedBytes & { readonly side: number };
}

/** Hears how many bytes of a check's are read. */
export type OnCheck = (done: number, total: number) => void;

export interface Sum {
  readonly tensors: number;
  readonly bytes: number;
}

/** Looks at a file of weights, an index of shards, or a model's folder. @throws FileError, AbortError. */
export async function inspectWeights(
  paths: ModelPaths,
  signal?: AbortSignal,
  onCheck?: OnCheck,
): Promise<WeightReport> {
  const { weights, beside, close } = await openWeights(paths, signal);
  try {
    if (onCheck) await checkValues(weights, onCheck, signal);
    const isVae = ['encoder.conv_in.weight', 'decoder.conv_in.weight'].every((name) => weights.tensors.has(name));
    const config = isVae ? await vaeConfig(weights) : await modelConfig(weights, beside);
    const compared = comparison(weights, config, isVae);
    const isWhole = config && !isVae && compared.missing.length + compared.misshapen.length === 0;
    const planned = isWhole ? plan(config, weights) : undefined;
    return { ...sizes(weights), model: config?.name, isVae, ...compared, planned };
  } finally {
    await close();
  }
}

/** Reads everything, so that a wrong CRC, or a number that is not finite, is an error. */
async function checkValues(weights: TensorFile, onCheck: OnCheck, signal?: AbortSignal): Promise<void> {
  const finite = finiteTensors(weights);
  const entries = [...weights.tensors.values()];
  const total = entries.reduce((sum, entry) => sum + storedSize(entry), 0);
  const into = new Uint8Array(2 * CHUNK);
  let done = 0;
  for (const entry of entries)
    for (const rows of rowsOf(entry)) {
      throwIfAborted(signal, 'info');
      onCheck((done += (await finite.read(entry.name, { rows, signal, into })).length), total);
    }
}

function sizes({ name, format, tensors }: TensorFile) {
  const list = [...tensors.values()].map((entry) => ({ ...entry, bytes: storedSize(entry) }));
  const sums = (keyOf: (entry: (typeof list)[number]) => string): Record<string, Sum> => {
    const all = new Map<string, Sum>();
    for (const entry of list) {
      const { tensors: count, bytes } = all.get(keyOf(entry)) ?? { tensors: 0, bytes: 0 };
      all.set(keyOf(entry), { tensors: count + 1, bytes: bytes + entry.bytes });
    }
    return Object.fromEntries([...all].sort((a, b) => b[1].bytes - a[1].bytes));
  };
  return {
    name,
    format,
    tensors: list.map(({ name: tensor, dtype, shape, bytes }) => ({ name: tensor, dtype, shape, bytes })),
    bytes: list.reduce((sum, { bytes }) => sum + bytes, 0),
    dtypes: sums(({ dtype }) => dtype),
    parts: sums(({ name: tensor }) => tensor.split('.', 1)[0]),
  };
}

function plan(config: HarmonConfig, weights: TensorFile): WeightReport['planned'] {
  try {
    return { side: config.mar.nativeImageSize, ...plannedPicture(config, weights) };
  } catch (error) {
    if (error instanceof OvertoneError) return undefined;
    throw error;
  }
}

const modelConfig = (weights: TensorFile, beside: string): Promise<HarmonConfig | undefined> =>
  readConfig(undefined, beside, weights).catch((error: unknown) => {
    if (error instanceof FileError) return undefined;
    throw error;
  });

/** The published models share a VAE; the embedded one has its own. */
async function vaeConfig(vae: TensorFile): Promise<HarmonConfig | undefined> {
  const channels = vae.tensors.get('encoder.conv_in.weight')?.shape[0];
  const embedded = await readConfig(join(embeddedModel(), 'config.json'), embeddedModel(), vae);
  return [harmonConfigs['0.5b'], embedded].find((config) => config.vae.baseChannels === channels);
}

function comparison({ tensors }: TensorFile, config: HarmonConfig | undefined, isVae: boolean) {
  const declared = new Map(config ? declaredTensors(config).map(({ name, shape }) => [name, shape]) : []);
  const wanted = new Map(
    [...declared].flatMap(([name, shape]) =>
      isVae ? (name.startsWith('vae.') ? [[name.slice(4), shape] as const] : []) : [[name, shape] as const],
    ),
  );
  const extra = [...tensors.keys()].filter((name) => config && !wanted.has(name));
  const shapeText = (shape: readonly number[]) => `[${shape.join(', ')}]`;
  return {
    missing: [...wanted.keys()].filter((name) => !tensors.has(name)),
    misshapen: [...wanted].flatMap(([name, shape]) => {
      const is = tensors.get(name)?.shape;
      if (!is || shapeText(is) === shapeText(shape)) return [];
      return [`${name} must be ${shapeText(shape)} but is ${shapeText(is)}`];
    }),
    unused: extra.filter((name) => UNUSED_TENSORS.test(name)),
    unknown: extra.filter((name) => !UNUSED_TENSORS.test(name)),
  };
}
