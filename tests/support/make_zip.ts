/** Zips and torch checkpoints for tests, made field by field so that any one field can be wrong. */
import { deflateSync } from 'fflate';
import { crc32 } from '../../src/engine/formats/crc32.ts';

export interface Part {
  name: string;
  bytes: Uint8Array;
  deflate?: boolean;
  /** Fields of the local header or the directory's entry that shall differ from the truth. */
  local?: Partial<Header>;
  central?: Partial<Header> & { offset?: number };
  /** Packed bytes in place of the right ones. */
  packed?: Uint8Array;
}
interface Header {
  name: string;
  flags: number;
  method: number;
  crc: number;
  packedSize: number;
  size: number;
  extra: number[];
}
export interface EndFields {
  count?: number;
  directorySize?: number;
  directoryOffset?: number;
  disk?: number;
  comment?: number[];
}

const utf8 = new TextEncoder();
export const text = (value: string): Uint8Array => utf8.encode(value);
export const u16 = (value: number): number[] => [value & 255, (value >>> 8) & 255];
export const u32 = (value: number): number[] => [...u16(value & 0xffff), ...u16(value >>> 16)];
export const u64 = (value: bigint): number[] =>
  Array.from({ length: 8 }, (_, i) => Number((value >> BigInt(8 * i)) & 255n));

export function makeZip(parts: readonly Part[], end: EndFields = {}): Uint8Array {
  const out: number[] = [];
  const directory: number[] = [];
  for (const part of parts) {
    const packed = part.packed ?? (part.deflate ? deflateSync(part.bytes) : part.bytes);
    const truth: Header = {
      name: part.name, flags: 0x800, method: part.deflate ? 8 : 0, crc: crc32(part.bytes), packedSize: packed.length, size: part.bytes.length, extra: [],
    }; // prettier-ignore
    const offset = out.length;
    const local = { ...truth, ...part.local };
    const common = (h: Header): number[] => [
      ...u16(20), ...u16(h.flags), ...u16(h.method), ...u32(0), ...u32(h.crc), ...u32(h.packedSize), ...u32(h.size),
      ...u16(text(h.name).length), ...u16(h.extra.length),
    ]; // prettier-ignore
    out.push(0x50, 0x4b, 3, 4, ...common(local), ...text(local.name), ...local.extra);
    for (const byte of packed) out.push(byte);
    const central = { ...truth, offset, ...part.central };
    directory.push(
      0x50, 0x4b, 1, 2, ...u16(20), ...common(central), ...u16(0), ...u16(0), ...u16(0), ...u32(0), ...u32(central.offset),
      ...text(central.name), ...central.extra,
    ); // prettier-ignore
  }
  const {
    count = parts.length,
    directorySize = directory.length,
    directoryOffset = out.length,
    disk = 0,
    comment = [],
  } = end;
  for (const byte of directory) out.push(byte);
  out.push(
    0x50, 0x4b, 5, 6, ...u16(disk), ...u16(disk), ...u16(count), ...u16(count), ...u32(directorySize), ...u32(directoryOffset),
    ...u16(comment.length), ...comment,
  ); // prettier-ignore
  return Uint8Array.from(out);
}

/** Pickle opcodes, written as Latin-1 text with these helpers. */
export const P = {
  start: '\x80\x02',
  str: (value: string): string => `X${String.fromCharCode(...u32(text(value).length))}${String.fromCharCode(...text(value))}`,
  int: (value: number): string => `J${String.fromCharCode(...u32(value))}`,
  global: (module: string, name: string): string => `c${module}\n${name}\n`,
  tuple: (...items: string[]): string => `(${items.join('')}t`,
  dict: (entries: Record<string, string>): string => `}(${Object.entries(entries).map(([k, v]) => P.str(k) + v).join('')}u`,
  storage: (type: string, key: string, count: number, module = 'torch', location = 'cpu'): string =>
    `${P.tuple(P.str('storage'), P.global(module, type), P.str(key), P.str(location), P.int(count))}Q`,
  ordered: 'ccollections\nOrderedDict\n)R',
  /** A tensor made by `_rebuild_tensor_v2`. */
  tensor: (storage: string, offset: number, size: number[], stride: number[]): string =>
    `${P.global('torch._utils', '_rebuild_tensor_v2')}${P.tuple(storage, P.int(offset), P.tuple(...size.map(P.int)), P.tuple(...stride.map(P.int)), '\x89', P.ordered)}R`,
}; // prettier-ignore

export const latin1 = (value: string): Uint8Array => Uint8Array.from(value, (c) => c.charCodeAt(0));

/** A tensor `w` of shape [2, 3] on a storage of six floats. */
export const W = P.tensor(P.storage('FloatStorage', '0', 6), 0, [2, 3], [3, 1]);
export const SIX = new Uint8Array(Float32Array.from([1, 2, 3, 4, 5, 6]).buffer);

/** The parts of a good checkpoint around this pickle. */
export const torchParts = (pickle: string, storages: Record<string, Uint8Array> = { 0: SIX }): Part[] => [
  { name: 'a/data.pkl', bytes: latin1(pickle) },
  { name: 'a/byteorder', bytes: text('little') },
  ...Object.entries(storages).map(([key, bytes]) => ({ name: `a/data/${key}`, bytes })),
];
export const GOOD = `${P.start}${P.dict({ w: W })}.`;
