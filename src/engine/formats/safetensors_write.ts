/** Writing safetensors: the header for tensors that lie back to back after it. The data itself is the writer's to stream. */
import { ArgumentError } from '../errors.ts';
import { groupWords } from '../../../shaders/common.ts';
import { QUANTISED_GROUP } from '../quantise.ts';
import { QUANTISED_METADATA } from './safetensors.ts';
import { STORED_BYTES, quantisedDtype } from './stored_dtype.ts';
import { type TensorEntry, storedSize } from './tensor_file.ts';

export interface SafetensorsLayout {
  /** Length and header, padded so that the data starts at a multiple of 8. */
  readonly head: Uint8Array;
  /** The tensors in the order of their data: wide types first, so that each lies at a multiple of its type's size. */
  readonly order: readonly TensorEntry[];
  /** Bytes of the whole file. */
  readonly size: number;
}

/** Lays out a file of these tensors; quantised ones must be of one kind. @throws ArgumentError for a name that comes twice or is `__metadata__`. */
export function layOutSafetensors(
  entries: readonly TensorEntry[],
  metadata: Readonly<Record<string, string>> = {},
): SafetensorsLayout {
  const order = [...entries].sort((a, b) => wordBytes(b) - wordBytes(a) || (a.name < b.name ? -1 : 1));
  const kinds = new Set(order.flatMap(({ dtype }) => quantisedDtype(dtype) ?? []));
  if (kinds.size > 1) throw new ArgumentError('[safetensors] quantised tensors must be of one kind but are q8 and q4');
  const about = { ...metadata, ...(kinds.size === 1 && { [QUANTISED_METADATA]: [...kinds][0] }) };
  const header = new Map<string, unknown>(Object.keys(about).length ? [['__metadata__', about]] : []);
  const names = new Set<string>(['__metadata__']);
  let end = 0;
  for (const entry of order) {
    const { name } = entry;
    if (names.has(name)) throw new ArgumentError(`[safetensors] a tensor must have a name of its own but has ${name}`);
    names.add(name);
    header.set(name, { ...inWords(entry), data_offsets: [end, (end += storedSize(entry))] });
  }
  // An object literal would put names of digits first and lose `__proto__`.
  const members = [...header].map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`);
  const text = new TextEncoder().encode(`{${members.join(',')}}`);
  const head = new Uint8Array(Math.ceil((8 + text.length) / 8) * 8).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, BigInt(head.length - 8), true);
  head.set(text, 8);
  return { head, order, size: head.length + end };
}

const wordBytes = ({ dtype }: TensorEntry): number => (quantisedDtype(dtype) ? 4 : STORED_BYTES[dtype]);

/** Dtype and shape as the format has them: quantised matrices as words. */
function inWords({ dtype, shape }: TensorEntry): { dtype: string; shape: readonly number[] } {
  const kind = quantisedDtype(dtype);
  return kind ? { dtype: 'I32', shape: [shape[0], (shape[1] / QUANTISED_GROUP) * groupWords[kind]] } : { dtype, shape };
}
