/**
 * PyTorch checkpoints (`.pth`, `.ckpt`, `.pt`, `.bin`): a zip with one pickle that describes tensors and one stored entry per storage.
 * A tensor is a strided view of a storage; rows are read straight from the file where the view is contiguous.
 */
import { FileError } from '../errors.ts';
import { isKind, readPickle, type PickleDict, type PickleValue } from './pickle.ts';
import { aligned, STORED_BYTES, type PlainDtype } from './stored_dtype.ts';
import {
  elementRange,
  elementsOf,
  entryOf,
  type ReadOptions,
  type TensorEntry,
  type TensorFile,
} from './tensor_file.ts';
import { DTYPES, STORAGES, torchNameUse, UNTYPED } from './torch_names.ts';
import type { ZipFile } from './zip.ts';
import type { ZipEntry } from './zip_directory.ts';

const MAX_PICKLE = 16 * 1024 * 1024;
const MAX_TENSORS = 65_536;

/** A tensor as the pickle describes it, checked against its storage. Offset and strides count elements. */
interface StridedTensor extends TensorEntry {
  readonly dtype: PlainDtype;
  readonly storage: ZipEntry;
  readonly offset: number;
  readonly strides: readonly number[];
  readonly contiguous: boolean;
}

/** Reads the checkpoint's description; throws FileError when it is anything but a dict of plain tensors. */
export async function openTorch(zip: ZipFile, signal?: AbortSignal): Promise<TensorFile> {
  const prefix = findPrefix(zip);
  const pickle = zip.entries.get(`${prefix}data.pkl`) as ZipEntry;
  if (pickle.size > MAX_PICKLE)
    throw new FileError(`${zip.name}: ${pickle.name} has ${pickle.size} bytes; at most ${MAX_PICKLE} are read.`);
  const byteorder = zip.entries.get(`${prefix}byteorder`);
  if (byteorder) {
    const order = byteorder.size > 16 ? '?' : String.fromCharCode(...(await zip.read(byteorder, undefined, signal)));
    if (order !== 'little')
      throw new FileError(
        `${zip.name} has the byte order ${JSON.stringify(order)}; only little is read: save it again on such a machine.`,
      );
  }
  const bytes = await zip.read(pickle, undefined, signal);
  const root = readPickle(`${zip.name}: ${pickle.name}`, bytes, (name) => torchNameUse(zip.name, name));
  const { dict, path } = findWeights(zip.name, root);
  const tensors = new Map<string, StridedTensor>();
  for (const [name, value] of dict.entries ?? []) {
    if (typeof name !== 'string' || !isTensor(value)) continue;
    if (tensors.size >= MAX_TENSORS) throw new FileError(`${zip.name} has over ${MAX_TENSORS} tensors.`);
    tensors.set(name, describe(zip, `${prefix}data/`, name, value));
  }
  const file: TensorFile = {
    name: zip.name,
    format: path.length ? `PyTorch checkpoint, weights under ${path.join('.')}` : 'PyTorch checkpoint',
    tensors,
    read: async (name, options) => readTensor(zip, entryOf(file, name) as StridedTensor, options),
  };
  return file;
}

/** The folder of `data.pkl` inside the zip, whatever it is called. */
function findPrefix(zip: ZipFile): string {
  const found = [...zip.entries.keys()].filter(
    (name) => /(^|\/)data\.pkl$/.test(name) && !name.startsWith('__MACOSX/'),
  );
  if (found.length > 1)
    throw new FileError(`${zip.name} holds two checkpoints, ${found[0]} and ${found[1]}; keep one of them.`);
  if (found.length === 0) {
    const first = zip.entries.keys().next().value ?? 'nothing';
    throw new FileError(
      `${zip.name} is a zip without data.pkl, so no PyTorch checkpoint (it holds ${first}); unpack it if the weights are inside.`,
    );
  }
  const prefix = found[0].slice(0, -'data.pkl'.length);
  for (const name of zip.entries.keys())
    if (name === `${prefix}constants.pkl` || name.startsWith(`${prefix}code/`))
      throw new FileError(
        `${zip.name} is a TorchScript program, not a checkpoint; save the state_dict() of the module it was made from.`,
      );
  return prefix;
}

/** The dict that holds the tensors: the root, or what stands under `model` or `state_dict` where the root has none. */
function findWeights(file: string, root: PickleValue): { dict: PickleDict; path: string[] } {
  let value = root;
  const path: string[] = [];
  for (let level = 0; level < 3; level++) {
    if (!isKind(value, 'dict')) {
      const what = isTensor(value)
        ? 'a single tensor'
        : `a ${typeof value === 'object' && value ? value.kind : typeof value}`;
      throw new FileError(`${file} must hold a dict of tensors by name but holds ${what}; save a state_dict().`);
    }
    const dict: PickleDict = value;
    const entries = dict.entries ?? new Map<PickleValue, PickleValue>();
    if (holdsTensors(dict)) return { dict, path };
    const key: string | undefined = ['model', 'state_dict'].find((name) => isKind(entries.get(name), 'dict'));
    if (key === undefined) {
      for (const [name, inner] of entries)
        if (isKind(inner, 'dict') && holdsTensors(inner))
          throw new FileError(
            `${file} has its tensors under ${[...path, String(name).slice(0, 80)].join('.')}, where weights are not looked for; save that dict alone.`,
          );
      break;
    }
    path.push(key);
    value = entries.get(key) as PickleValue;
  }
  throw new FileError(`${file} holds no tensors${path.length ? ` under ${path.join('.')}` : ''}; save a state_dict().`);
}

function holdsTensors(dict: PickleDict): boolean {
  for (const [name, value] of dict.entries ?? []) if (typeof name === 'string' && isTensor(value)) return true;
  return false;
}

function isTensor(value: PickleValue): boolean {
  return isKind(value, 'call'); // the only calls that are kept are the tensor constructors
}

/** Checks one described tensor against its storage, with no product or sum unchecked. */
function describe(zip: ZipFile, folder: string, name: string, value: PickleValue): StridedTensor {
  const fail = (text: string): never => {
    throw new FileError(`${zip.name}: tensor ${name.slice(0, 200)} ${text}; the file is damaged.`);
  };
  let call = value;
  if (isKind(call, 'call') && call.name.startsWith('torch._utils _rebuild_parameter')) call = call.args[0];
  if (!isKind(call, 'call') || !call.name.startsWith('torch._utils _rebuild_tensor')) return fail('is no plain tensor');
  const [storage, offset, size, stride, , , named] = call.args;

  const id = isKind(storage, 'persistent') && isKind(storage.id, 'tuple') ? storage.id.items : [];
  const [tag, type, key, location, count] = id;
  if (id.length !== 5 || tag !== 'storage' || !isKind(type, 'global') || typeof key !== 'string')
    return fail('has no storage that can be read');
  if (typeof location !== 'string' || typeof count !== 'number') return fail('has no storage that can be read');
  let dtype: PlainDtype | undefined;
  if (call.name.endsWith('_v3')) dtype = isKind(named, 'global') ? DTYPES.get(named.name) : undefined;
  else dtype = STORAGES.get(type.name);
  if (!dtype || call.name.endsWith('_v3') !== (type.name === UNTYPED))
    return fail(`has the storage ${type.name.replace(' ', '.')}, which does not fit its constructor`);
  const entry = zip.entries.get(folder + key);
  if (!entry) return fail(`has its storage in ${folder}${key.slice(0, 80)}, which is not in the file`);
  const width = STORED_BYTES[dtype];
  const stated = type.name === UNTYPED ? count : count * width;
  if (entry.size < stated || entry.size - stated >= width)
    return fail(`has a storage of ${stated} bytes but ${entry.name} has ${entry.size}`);
  const available = Math.floor(entry.size / width);

  const shape = integers(size);
  const strides = integers(stride);
  const elements = shape && elementsOf(shape);
  if (!shape || !strides || elements === undefined || strides.length !== shape.length || !isCount(offset))
    return fail('has a broken shape, stride or offset');
  let last = offset;
  for (let axis = 0; axis < shape.length; axis++) last += Math.max(0, shape[axis] - 1) * strides[axis];
  if (elements > 0 && !(last < available))
    return fail(`reaches element ${last} of ${entry.name}, which has ${available}`);
  if (elements > available) return fail(`repeats the ${available} elements of ${entry.name} to make ${elements}`);
  return { name, dtype, shape, storage: entry, offset, strides, contiguous: isContiguous(shape, strides) };
}

function isCount(value: PickleValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function integers(value: PickleValue | undefined): number[] | undefined {
  if (!isKind(value, 'tuple') || value.items.length > 64) return undefined;
  return value.items.every(isCount) ? [...(value.items as readonly number[])] : undefined;
}

function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== expected) return false;
    expected *= shape[axis];
  }
  return true;
}

async function readTensor(zip: ZipFile, tensor: StridedTensor, options: ReadOptions = {}): Promise<Uint8Array> {
  const [first, count] = elementRange(tensor, options.rows);
  if (count === 0) return new Uint8Array(0);
  const width = STORED_BYTES[tensor.dtype];
  if (tensor.contiguous) {
    const range = { offset: (tensor.offset + first) * width, length: count * width };
    return zip.read(tensor.storage, range, options.signal, options.into);
  }
  const { shape, strides } = tensor;
  const [start, rows] = options.rows ?? [0, shape[0]];
  const extents = [rows, ...shape.slice(1)];
  const from = tensor.offset + start * strides[0];
  let span = 1;
  for (let axis = 0; axis < extents.length; axis++) span += (extents[axis] - 1) * strides[axis];
  const bytes = await zip.read(tensor.storage, { offset: from * width, length: span * width }, options.signal);
  return gather(bytes, width, extents, strides);
}

/** The elements of a strided view, row by row, from bytes that start at its first element. */
function gather(
  bytes: Uint8Array,
  width: 1 | 2 | 4 | 8,
  shape: readonly number[],
  strides: readonly number[],
): Uint8Array {
  const Elements = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array, 8: BigUint64Array }[width];
  const { buffer, byteOffset } = aligned(bytes, width);
  const source = new Elements(buffer as ArrayBuffer, byteOffset, Math.floor(bytes.length / width));
  const inner = shape[shape.length - 1];
  const innerStride = strides[shape.length - 1];
  const total = shape.reduce((product, extent) => product * extent, 1);
  const out = new Elements(total);
  const index = new Array<number>(shape.length).fill(0);
  for (let row = 0, at = 0; row < total; row += inner) {
    for (let i = 0, from = at; i < inner; i++, from += innerStride) out[row + i] = source[from];
    for (let axis = shape.length - 2; axis >= 0; axis--) {
      at += strides[axis];
      if (++index[axis] < shape[axis]) break;
      at -= shape[axis] * strides[axis];
      index[axis] = 0;
    }
  }
  return new Uint8Array(out.buffer);
}
