/**
 * safetensors: eight bytes of header length, a JSON header, then the tensors back to back. Every rule of the format is checked before
 * anything the size of the file is allocated.
 */
import { FileError } from '../errors.ts';
import { scanJson } from './json_scan.ts';
import { incomplete, readExactly, type ByteSource } from './source.ts';
import { type Quantised, QUANTISED_GROUP, isQuantised } from '../quantise.ts';
import { groupWords } from '../../../shaders/common.ts';
import { STORED_BYTES, type PlainDtype } from './stored_dtype.ts';
import { elementRange, elementsOf, entryOf, type TensorEntry, type TensorFile } from './tensor_file.ts';
import { decodeUtf8, viewOf } from './wire.ts';

const MAX_HEADER = 100_000_000;
const MAX_TENSORS = 65_536;
const MAX_NAME = 512;

/** What the metadata of a file is called whose I32 matrices are quantised weights: `q8` or `q4`, each row in groups of 9 or 5 words. */
export const QUANTISED_METADATA = 'quantised';

interface Placed extends TensorEntry {
  /** Bytes from the end of the header. */
  readonly begin: number;
  readonly end: number;
}

/** Whether the first nine bytes of a file of `size` bytes can be a safetensors header. */
export function looksLikeSafetensors(head: Uint8Array, size: number): boolean {
  return head.length >= 9 && head[8] === 0x7b && headerLength(head) <= Math.max(size, MAX_HEADER);
}

/** Reads and checks the header; throws FileError naming the rule that is broken. */
export async function openSafetensors(source: ByteSource, signal?: AbortSignal): Promise<TensorFile> {
  const fail = (text: string): never => {
    throw new FileError(`${source.name}: the safetensors header ${text}.`);
  };
  if (source.size < 8) fail(`needs 8 bytes for its length, but the file has ${source.size}: it is incomplete`);
  const length = headerLength(await readExactly(source, 0, 8, signal));
  if (length > MAX_HEADER) fail(`would have ${length} bytes; at most ${MAX_HEADER} are read`);
  if (length > source.size - 8)
    fail(
      `has ${length} bytes by its length field, but only ${source.size - 8} follow: the file is incomplete or no safetensors`,
    );
  const bytes = await readExactly(source, 8, length, signal);
  if (bytes[0] !== 0x7b) fail('does not start with {');
  const text = decodeUtf8(bytes) ?? fail('is not UTF-8');
  const placed = parseHeader(text, fail);
  const dataStart = 8 + length;
  checkCover(source, placed, dataStart, fail);
  const tensors = new Map(placed.map((tensor) => [tensor.name, tensor]));
  const file: TensorFile = {
    name: source.name,
    format: 'safetensors',
    tensors,
    read: async (name, options = {}) => {
      const tensor = entryOf(file, name) as Placed;
      const [first, count] = elementRange(tensor, options.rows);
      const width = STORED_BYTES[tensor.dtype];
      return readExactly(source, dataStart + tensor.begin + first * width, count * width, options.signal, options.into);
    },
  };
  return file;
}

function headerLength(head: Uint8Array): number {
  const view = viewOf(head);
  return view.getUint32(0, true) + view.getUint32(4, true) * 2 ** 32;
}

function parseHeader(text: string, fail: (text: string) => never): Placed[] {
  const placed: Placed[] = [];
  let quantised: Quantised | undefined;
  let part = '';
  const scan = scanJson(text, (why) => fail(part + why));
  scan.object((name) => {
    if (name === '__metadata__') {
      part = 'has a __metadata__ that is not an object of strings: it ';
      if (!scan.null())
        scan.object((key) => {
          const value = scan.string();
          if (key !== QUANTISED_METADATA) return;
          if (!isQuantised(value))
            return fail(`says that its matrices are quantised to ${value.slice(0, 40)}, which is not read`);
          quantised = value;
        });
      part = '';
      return;
    }
    if (placed.length >= MAX_TENSORS) fail(`has over ${MAX_TENSORS} tensors`);
    if (name.length > MAX_NAME / 3 && new TextEncoder().encode(name).length > MAX_NAME)
      fail(`has a tensor name of over ${MAX_NAME} bytes, ${JSON.stringify(name.slice(0, 40))}…`);
    placed.push(tensor(name));
  });
  scan.end();
  const kind = quantised as Quantised | undefined; // assigned inside a callback
  return kind ? placed.map((entry) => inGroups(entry, kind, groupWords[kind])) : placed;

  function tensor(name: string): Placed {
    let dtype: string | undefined;
    let shape: number[] | undefined;
    let offsets: number[] | undefined;
    const list = (most: number): number[] => {
      const values: number[] = [];
      scan.array(() => {
        if (values.length >= most) fail(`gives tensor ${name} more than ${most} numbers in a list`);
        values.push(scan.integer());
      });
      return values;
    };
    scan.object((key) => {
      if (key === 'dtype') dtype = scan.string();
      else if (key === 'shape') shape = list(8);
      else if (key === 'data_offsets') offsets = list(2);
      else fail(`gives tensor ${name} the unknown field ${JSON.stringify(key.slice(0, 40))}`);
    });
    if (dtype === undefined || !shape || offsets?.length !== 2)
      return fail(`must give tensor ${name} a dtype, a shape and two data_offsets`);
    if (!Object.hasOwn(STORED_BYTES, dtype) || /^Q/.test(dtype))
      return fail(
        `gives tensor ${name} the dtype ${dtype.slice(0, 40)}, which is not read; convert it to F32, F16 or BF16`,
      );
    const [begin, end] = offsets;
    const bytes = (elementsOf(shape) ?? NaN) * STORED_BYTES[dtype as PlainDtype];
    if (begin > end || end - begin !== bytes)
      fail(
        `gives tensor ${name} of shape [${shape.join(', ')}] ${dtype} the bytes ${begin} to ${end}, which do not fit it`,
      );
    return { name, dtype: dtype as PlainDtype, shape, begin, end };
  }
}

/** A matrix of words as the quantised weights that it holds; other tensors as they are. */
function inGroups(entry: Placed, kind: Quantised, words: number): Placed {
  const [rows, width] = entry.shape;
  if (entry.dtype !== 'I32' || entry.shape.length !== 2 || width % words !== 0) return entry;
  return { ...entry, dtype: kind === 'q8' ? 'Q8' : 'Q4', shape: [rows, (width / words) * QUANTISED_GROUP] };
}

/** The tensors must cover the data exactly, in any order: no gap, no overlap, nothing after them. */
function checkCover(
  source: ByteSource,
  placed: readonly Placed[],
  dataStart: number,
  fail: (text: string) => never,
): void {
  const sorted = [...placed].sort((a, b) => a.begin - b.begin || a.end - b.end);
  let covered = 0;
  let before: Placed | undefined;
  for (const tensor of sorted) {
    if (tensor.begin < covered)
      fail(
        `puts tensors ${before?.name} and ${tensor.name} on the same bytes, ${tensor.begin} to ${Math.min(covered, tensor.end)}`,
      );
    if (tensor.begin > covered)
      fail(`leaves the bytes ${covered} to ${tensor.begin} before tensor ${tensor.name} to no tensor`);
    covered = tensor.end;
    before = tensor;
  }
  if (dataStart + covered > source.size) throw incomplete(source.name, source.size, dataStart + covered);
  if (dataStart + covered < source.size)
    fail(`ends at byte ${dataStart + covered} with its tensors, but the file has ${source.size} bytes`);
}
