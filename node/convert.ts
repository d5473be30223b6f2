/**
 * A model's files to one folder of safetensors: the weights in shards and in the form that is asked for, the configuration and the tokenizer. Each file is
 * written whole or not at all and read back, its hashes compared with those of what was to be written; shards of an earlier run that hold the same are
 * kept; the index, which makes the shards a model, and the manifest, which makes the folder one that can be downloaded, come last.
 */
import { readFile, readdir, realpath, rm, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  FileError,
  type TensorEntry,
  type TensorFile,
  layOutSafetensors,
  storedSize,
  throwIfAborted,
} from '../src/engine/index.ts';
import { type WeightForm, castWeights } from '../src/harmon/cast_weights.ts';
import { UNUSED_TENSORS } from '../src/harmon/checkpoint.ts';
import { configJson } from '../src/harmon/config.ts';
import { checkHarmon, declaredTensors } from '../src/harmon/declared.ts';
import { CHUNK_BYTES, MANIFEST, type ManifestFile, manifestText } from '../src/harmon/manifest.ts';
import type { ModelIdentity } from '../src/harmon/record.ts';
import { makeFolder, reasonOf, removeStaleParts, writeFileAtomic } from './files.ts';
import { chunkHashes, hashedFile } from './manifest.ts';
import type { ModelFiles } from './model.ts';
import { CHUNK, rowsOf } from './rows.ts';
import { identify } from './model_hash.ts';

export interface ConvertOptions {
  /** The form of the weights; as they are without. */
  readonly to?: WeightForm;
  /** Most bytes of a file of weights; 512 MB without. A larger tensor has a file of its own. */
  readonly shardBytes?: number;
  readonly signal?: AbortSignal;
  /** Bytes written and read back, or compared with what is there, of twice the model's. */
  readonly onProgress?: (done: number, total: number) => void;
}

export interface Converted {
  /** What was written. */
  readonly model: ModelIdentity;
  /** In the order of their names; `kept` where an earlier run had written the same. */
  readonly files: readonly { readonly name: string; readonly bytes: number; readonly kept: boolean }[];
  readonly tensors: number;
  /** Tensors of the source that the model does not use, which are left out. */
  readonly leftOut: readonly string[];
}

const INDEX = 'model.safetensors.index.json';

/** Converts a model into `folder`, which is made. @throws FileError, AbortError; whole files stay, so that the next run goes on. */
export async function convertModel(
  files: ModelFiles,
  folder: string,
  options: ConvertOptions = {},
): Promise<Converted> {
  const { config } = files;
  const { signal } = options;
  checkHarmon(files.weights, config);
  const weights = castWeights(files.weights, config, options.to);
  const used = new Set(declaredTensors(config).map(({ name }) => name));
  const entries = [...weights.tensors.values()]
    .filter(({ name }) => used.has(name))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const leftOut = [...weights.tensors.keys()].filter((name) => !used.has(name) && UNUSED_TENSORS.test(name));
  const shards = shardsOf(entries, options.shardBytes ?? 512e6);
  const total = [...shards.values()].reduce((sum, part) => sum + 2 * layOutSafetensors(part, METADATA).size, 0);
  let done = 0;
  const step = (bytes: number) => options.onProgress?.((done += bytes), total);

  await openFolder(folder, files);
  await checkNames(folder, new Set(shards.keys()));
  await removeStaleParts(folder);
  const model = await identify({ ...files, weights, quantise: undefined }, signal);
  const written: (ManifestFile & { kept: boolean })[] = [];
  const small = async (name: string, bytes: Uint8Array) => {
    const path = join(folder, name);
    const kept = (await readFile(path).catch(() => undefined))?.equals(bytes) ?? false;
    if (!kept && name !== MANIFEST) await removeLast(folder, MANIFEST);
    if (!kept) await writeFileAtomic(path, bytes);
    if (name !== MANIFEST) written.push({ ...(await hashedFile(path, name)), kept });
    return kept;
  };
  const missing: string[] = [];
  for (const [name, part] of shards) {
    const kept = await keptShard(folder, name, part, weights, signal);
    if (kept) {
      step(2 * kept.bytes);
      written.push({ ...kept, kept: true });
    } else missing.push(name);
  }
  if (missing.length > 0) {
    await checkSpace(folder, bytesOf(missing.flatMap((name) => shards.get(name)!)));
    await removeLast(folder, MANIFEST, INDEX);
  }
  await small('tokenizer.json', new Uint8Array(await readFile(files.tokenizerPath)));
  await small('config.json', Buffer.from(`${JSON.stringify(configJson(config), null, 1)}\n`));
  for (const name of missing) {
    const path = join(folder, name);
    const hashes = chunkHashes();
    await writeFileAtomic(path, dataOf(shards.get(name)!, weights, signal, step, hashes));
    const found = await hashedFile(path, name, { signal, onBytes: step });
    if (found.chunks.join() !== hashes.end().join())
      throw new FileError(`${path}: must read back as it was written but does not: the disk or its memory is at fault`);
    written.push({ ...found, kept: false });
  }
  if (shards.size > 1) await small(INDEX, indexOf(shards, bytesOf(entries)));
  written.sort((a, b) => (a.name < b.name ? -1 : 1));
  const listed = written.map(({ name, bytes, chunks }) => ({ name, bytes, chunks }));
  const manifest = Buffer.from(manifestText({ model, chunkBytes: CHUNK_BYTES, files: listed }));
  const kept = await small(MANIFEST, manifest);
  const made = [...written, { name: MANIFEST, bytes: manifest.length, kept }].sort((a, b) =>
    a.name < b.name ? -1 : 1,
  );
  return {
    model,
    files: made.map((file) => ({ name: file.name, bytes: file.bytes, kept: file.kept })),
    tensors: entries.length,
    leftOut,
  };
}

const bytesOf = (entries: readonly TensorEntry[]): number => entries.reduce((sum, entry) => sum + storedSize(entry), 0);

const METADATA = { format: 'pt' };
/** More bytes than a tensor takes in the header beside its name. */
const HEADER_SHARE = 160;

/** The files and what goes into each, in order. */
function shardsOf(entries: readonly TensorEntry[], most: number): Map<string, TensorEntry[]> {
  const parts: TensorEntry[][] = [];
  let size = Infinity;
  for (const entry of entries) {
    const bytes = storedSize(entry) + HEADER_SHARE + entry.name.length;
    if (size + bytes > most) {
      parts.push([]);
      size = HEADER_SHARE;
    }
    parts[parts.length - 1].push(entry);
    size += bytes;
  }
  const number = (n: number) => String(n).padStart(5, '0');
  const nameOf = (i: number) =>
    parts.length === 1 ? 'model.safetensors' : `model-${number(i + 1)}-of-${number(parts.length)}.safetensors`;
  return new Map(parts.map((part, i) => [nameOf(i), part]));
}

function indexOf(shards: ReadonlyMap<string, readonly TensorEntry[]>, bytes: number): Uint8Array {
  const places = [...shards].flatMap(([file, part]) => part.map(({ name }) => [name, file] as const));
  const index = { metadata: { total_size: bytes }, weight_map: Object.fromEntries(places) };
  return Buffer.from(`${JSON.stringify(index, null, 1)}\n`);
}

/** The bytes of a shard, in parts; `hashes` and `step` hear of each before it is given out. */
async function* dataOf(
  part: readonly TensorEntry[],
  source: TensorFile,
  signal: AbortSignal | undefined,
  step: (bytes: number) => void,
  hashes: ReturnType<typeof chunkHashes>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { head, order } = layOutSafetensors(part, METADATA);
  const into = new Uint8Array(2 * CHUNK);
  const given = (bytes: Uint8Array): Uint8Array => {
    hashes.update(bytes);
    step(bytes.length);
    return bytes;
  };
  yield given(head);
  for (const entry of order)
    for (const rows of rowsOf(entry)) {
      throwIfAborted(signal, 'convert');
      yield given(await source.read(entry.name, { rows, signal, into }));
    }
}

/** The shard of an earlier run, where it is there and holds what would be written. */
async function keptShard(
  folder: string,
  name: string,
  part: readonly TensorEntry[],
  source: TensorFile,
  signal: AbortSignal | undefined,
): Promise<ManifestFile | undefined> {
  const path = join(folder, name);
  const { size } = layOutSafetensors(part, METADATA);
  if ((await stat(path).catch(() => undefined))?.size !== size) return undefined;
  const found = await hashedFile(path, name, { signal });
  const hashes = chunkHashes();
  for await (const _ of dataOf(part, source, signal, () => undefined, hashes));
  return found.chunks.join() === hashes.end().join() ? found : undefined;
}

async function openFolder(folder: string, { weights, tokenizerPath }: ModelFiles): Promise<void> {
  await makeFolder(folder).catch((cause: unknown) => fail(folder, cause));
  const home = await realpath(folder);
  for (const path of [...weights.name.split(' + '), tokenizerPath])
    if ((await realpath(dirname(path)).catch(() => undefined)) === home)
      throw new FileError(`${folder}: must be another folder than the one that ${path} is in: choose a new one`);
}

/** Other weights in the folder would be taken for part of the model. */
async function checkNames(folder: string, ours: ReadonlySet<string>): Promise<void> {
  const names = await readdir(folder).catch((cause: unknown) => fail(folder, cause));
  const other = names.find(
    (name) =>
      /\.(safetensors|pth|ckpt|safetensors\.index\.json)$/.test(name) &&
      !ours.has(name) &&
      !(name === INDEX && ours.size > 1),
  );
  if (other !== undefined)
    throw new FileError(
      `${folder}: must be empty or hold an earlier run of this conversion but holds ${other}: choose a new folder`,
    );
}

/** What says that the rest is whole goes before the rest changes. */
async function removeLast(folder: string, ...names: string[]): Promise<void> {
  for (const name of names)
    await rm(join(folder, name), { force: true }).catch((cause: unknown) => fail(folder, cause));
}

async function checkSpace(folder: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize < bytes)
    throw new FileError(
      `${folder}: must have ${(bytes / 1e9).toFixed(2)} GB free for the weights but has ${((bavail * bsize) / 1e9).toFixed(2)} GB: make room, or choose another folder`,
    );
}

function fail(folder: string, cause: unknown): never {
  throw new FileError(`${folder}: cannot be written: ${reasonOf(cause)}`, { cause });
}
