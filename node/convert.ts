/**
 * A model's files to one folder of safetensors: the weights in shards, the configuration and the tokenizer. Each file is written whole or
 * not at all and read back against its source; shards of an earlier run that hold the same are kept; the index, which makes the shards a model, and the
 * manifest, which makes the folder one that can be downloaded, come last.
 */
import { readFile, readdir, realpath, rm, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  FileError,
  type TensorEntry,
  type TensorFile,
  layOutSafetensors,
  openTensorFile,
  storedSize,
  throwIfAborted,
} from '../src/engine/index.ts';
import { UNUSED_TENSORS } from '../src/harmon/checkpoint.ts';
import { configJson } from '../src/harmon/config.ts';
import { checkHarmon, declaredTensors } from '../src/harmon/declared.ts';
import { MANIFEST } from '../src/harmon/manifest.ts';
import { fileSource, makeFolder, reasonOf, removeStaleParts, writeFileAtomic } from './files.ts';
import { manifestOf } from './manifest.ts';
import type { ModelFiles } from './model.ts';
import { identify } from './model_hash.ts';

export interface ConvertOptions {
  /** Most bytes of weights in a file; 1 GB without. A larger tensor has a file of its own. */
  readonly shardBytes?: number;
  readonly signal?: AbortSignal;
  /** Bytes written, read back and hashed, or found, of three times the model's. */
  readonly onProgress?: (done: number, total: number) => void;
}

export interface Converted {
  /** In the order of their names; `kept` where an earlier run had written the same. */
  readonly files: readonly { readonly name: string; readonly bytes: number; readonly kept: boolean }[];
  readonly tensors: number;
  /** Tensors of the source that the model does not use, which are left out. */
  readonly leftOut: readonly string[];
}

const INDEX = 'model.safetensors.index.json';
const CHUNK = 1 << 24;

/** Converts a model into `folder`, which is made. @throws FileError, AbortError; whole files stay, so that the next run goes on. */
export async function convertModel(
  files: ModelFiles,
  folder: string,
  options: ConvertOptions = {},
): Promise<Converted> {
  const { weights, config } = files;
  const { signal } = options;
  checkHarmon(weights, config);
  const used = new Set(declaredTensors(config).map(({ name }) => name));
  const entries = [...weights.tensors.values()]
    .filter(({ name }) => used.has(name))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const leftOut = [...weights.tensors.keys()].filter((name) => !used.has(name) && UNUSED_TENSORS.test(name));
  const shards = shardsOf(entries, options.shardBytes ?? 1e9);
  const total = 3 * bytesOf(entries);
  let done = 0;
  const step = (bytes: number) => options.onProgress?.((done += bytes), total);

  await openFolder(folder, files);
  await checkNames(folder, new Set(shards.keys()));
  await removeStaleParts(folder);
  const written: { name: string; bytes: number; kept: boolean }[] = [];
  const small = async (name: string, bytes: Uint8Array) => {
    const path = join(folder, name);
    const kept = (await readFile(path).catch(() => undefined))?.equals(bytes) ?? false;
    if (!kept && name !== MANIFEST) await removeLast(folder, MANIFEST);
    if (!kept) await writeFileAtomic(path, bytes);
    written.push({ name, bytes: bytes.length, kept });
  };
  const missing: string[] = [];
  for (const [name, part] of shards)
    if (await holdsSame(join(folder, name), part, weights, signal)) {
      step(2 * bytesOf(part));
      written.push({ name, bytes: layOutSafetensors(part, METADATA).size, kept: true });
    } else missing.push(name);
  if (missing.length > 0) {
    await checkSpace(folder, bytesOf(missing.flatMap((name) => shards.get(name)!)));
    await removeLast(folder, MANIFEST, INDEX);
  }
  await small('tokenizer.json', new Uint8Array(await readFile(files.tokenizerPath)));
  await small('config.json', Buffer.from(`${JSON.stringify(configJson(config), null, 1)}\n`));
  for (const name of missing) {
    const part = shards.get(name)!;
    const path = join(folder, name);
    const { head, order, size } = layOutSafetensors(part, METADATA);
    await writeFileAtomic(path, dataOf(head, order, weights, signal, step));
    if (!(await holdsSame(path, part, weights, signal, step)))
      throw new FileError(`${path}: must read back as it was written but does not: the disk or its memory is at fault`);
    written.push({ name, bytes: size, kept: false });
  }
  if (shards.size > 1) await small(INDEX, indexOf(shards, bytesOf(entries)));
  const names = written.map(({ name }) => name);
  const manifest = await manifestOf(folder, names, await identify(files, signal), {
    signal,
    onBytes: (bytes) => step(Math.min(bytes, total - done)),
  });
  step(total - done);
  await small(MANIFEST, Buffer.from(manifest));
  written.sort((a, b) => (a.name < b.name ? -1 : 1));
  return { files: written, tensors: entries.length, leftOut };
}

const bytesOf = (entries: readonly TensorEntry[]): number => entries.reduce((sum, entry) => sum + storedSize(entry), 0);

const METADATA = { format: 'pt' };

/** The files and what goes into each, in order. */
function shardsOf(entries: readonly TensorEntry[], most: number): Map<string, TensorEntry[]> {
  const parts: TensorEntry[][] = [];
  let size = Infinity;
  for (const entry of entries) {
    const bytes = storedSize(entry);
    if (size + bytes > most) {
      parts.push([]);
      size = 0;
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

/** The bytes of a file, in parts. */
async function* dataOf(
  head: Uint8Array,
  order: readonly TensorEntry[],
  source: TensorFile,
  signal: AbortSignal | undefined,
  step: (bytes: number) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield head;
  for (const entry of order)
    for (const rows of rowsOf(entry)) {
      throwIfAborted(signal, 'convert');
      const bytes = await source.read(entry.name, { rows, signal });
      yield bytes;
      step(bytes.length);
    }
}

/** Whether a file is there and holds exactly these tensors with the source's values. */
async function holdsSame(
  path: string,
  part: readonly TensorEntry[],
  source: TensorFile,
  signal: AbortSignal | undefined,
  step: (bytes: number) => void = () => undefined,
): Promise<boolean> {
  const opened = await fileSource(path).catch(() => undefined);
  if (!opened) return false;
  try {
    if (opened.size !== layOutSafetensors(part, METADATA).size) return false;
    const file = await openTensorFile(opened, signal);
    for (const { name, dtype, shape } of part) {
      const entry = file.tensors.get(name);
      if (entry?.dtype !== dtype || entry.shape.join() !== shape.join()) return false;
      for (const rows of rowsOf(entry)) {
        throwIfAborted(signal, 'convert');
        const [a, b] = await Promise.all([file.read(name, { rows, signal }), source.read(name, { rows, signal })]);
        if (Buffer.compare(a, b) !== 0) return false;
        step(a.length);
      }
    }
    return file.tensors.size === part.length;
  } catch (error) {
    if (error instanceof FileError && error.message.startsWith(path)) return false;
    throw error;
  } finally {
    await opened.close();
  }
}

/** Rows of a tensor in chunks; a scalar is read whole. */
function rowsOf(entry: TensorEntry): (readonly [start: number, count: number] | undefined)[] {
  const [extent] = entry.shape;
  if (extent === undefined) return [undefined];
  const count = Math.max(1, Math.floor((CHUNK * extent) / Math.max(1, storedSize(entry))));
  return Array.from({ length: Math.ceil(extent / count) }, (_, i) => [i * count, Math.min(count, extent - i * count)]);
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
