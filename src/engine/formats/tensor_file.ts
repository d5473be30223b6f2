/** What a file of weights looks like whatever its format: named tensors whose bytes are read by rows. */
import { ArgumentError, FileError } from '../errors.ts';
import { STORED_BYTES, type StoredDtype } from './stored_dtype.ts';

export interface TensorEntry {
  readonly name: string;
  readonly dtype: StoredDtype;
  readonly shape: readonly number[];
}

export interface ReadOptions {
  /** Rows [start, start + count) of the first axis. */
  readonly rows?: readonly [start: number, count: number];
  readonly signal?: AbortSignal;
  /** Memory that may be used for the result where it has room, so that a loop over pieces makes no garbage. */
  readonly into?: Uint8Array;
}

export interface TensorFile {
  readonly name: string;
  /** The format in words, with the key the weights were nested under, if any. */
  readonly format: string;
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  /** Row-major little-endian bytes of the rows asked for, or of the whole tensor; at any alignment, and possibly a view of shared memory. */
  read(name: string, options?: ReadOptions): Promise<Uint8Array>;
}

const MAX_RANK = 8;

/** Elements of a tensor, or undefined when the shape has too many axes or its product passes 2^53. */
export function elementsOf(shape: readonly number[]): number | undefined {
  if (shape.length > MAX_RANK) return undefined;
  let count = 1;
  for (const extent of shape) {
    if (!Number.isSafeInteger(extent) || extent < 0) return undefined;
    count *= extent;
    if (!Number.isSafeInteger(count)) return undefined;
  }
  return count;
}

/** The [first, count] elements that `rows` means; throws ArgumentError when they are not rows of the tensor. */
export function elementRange(entry: TensorEntry, rows: ReadOptions['rows']): [first: number, count: number] {
  const all = elementsOf(entry.shape) ?? 0;
  if (!rows) return [0, all];
  const [start, count] = rows;
  const extent = entry.shape.length ? entry.shape[0] : -1;
  if (!Number.isInteger(start) || !Number.isInteger(count) || start < 0 || count < 0 || start + count > extent)
    throw new ArgumentError(
      `[${entry.name}] has shape [${entry.shape.join(', ')}]; rows ${start} to ${start + count} are not in it`,
    );
  const row = extent === 0 ? 0 : all / extent;
  return [start * row, count * row];
}

/** Bytes of a whole tensor as it is stored. */
export function storedSize(entry: TensorEntry): number {
  return (elementsOf(entry.shape) ?? 0) * STORED_BYTES[entry.dtype];
}

/** The entry of that name; throws FileError when the file has none. */
export function entryOf(file: TensorFile, name: string): TensorEntry {
  const entry = file.tensors.get(name);
  if (!entry) throw new FileError(`${file.name}: tensor ${name} is missing.`);
  return entry;
}

/** The same file under other names: `rename` gives a tensor's new name, or undefined to leave it out. Two tensors on one name are refused. */
export function renameTensors(file: TensorFile, rename: (name: string) => string | undefined): TensorFile {
  const tensors = new Map<string, TensorEntry>();
  const original = new Map<string, string>();
  for (const entry of file.tensors.values()) {
    const name = rename(entry.name);
    if (name === undefined) continue;
    const other = original.get(name);
    if (other !== undefined) throw new FileError(`${file.name}: ${other} and ${entry.name} are both ${name}.`);
    tensors.set(name, { ...entry, name });
    original.set(name, entry.name);
  }
  const view: TensorFile = {
    name: file.name,
    format: file.format,
    tensors,
    read: async (name, options) => {
      entryOf(view, name);
      return file.read(original.get(name) as string, options);
    },
  };
  return view;
}

/** Several files as one; where two have a tensor of the same name, the later file's counts. */
export function joinTensorFiles(files: readonly TensorFile[]): TensorFile {
  if (files.length === 1) return files[0];
  const owners = new Map<string, TensorFile>();
  const tensors = new Map<string, TensorEntry>();
  for (const file of files)
    for (const entry of file.tensors.values()) {
      owners.set(entry.name, file);
      tensors.set(entry.name, entry);
    }
  const joined: TensorFile = {
    name: files.map((file) => file.name).join(' + '),
    format: [...new Set(files.map((file) => file.format))].join(' + '),
    tensors,
    read: async (name, options) => {
      entryOf(joined, name);
      return (owners.get(name) as TensorFile).read(name, options);
    },
  };
  return joined;
}
