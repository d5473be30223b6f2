/**
 * The directory of a zip file, found by ranges from its end. One truth or none: whatever two zip readers could read differently
 * (two end records, duplicate names, overlapping entries, …) is refused here, before any entry is read.
 */
import { FileError } from '../errors.ts';
import { readExactly, type ByteSource } from './source.ts';
import { decodeUtf8, isPlainPath, viewOf } from './wire.ts';

const END = 0x06054b50;
const END64 = 0x06064b50;
const LOCATOR64 = 0x07064b50;
const CENTRAL = 0x02014b50;
const MAX_ENTRIES = 100_000;
const MAX_DIRECTORY = 64 * 1024 * 1024;
const MAX_RATIO = 200;
// Below this a high ratio is harmless and honest: 4 KB of zeros, a fresh bias, deflate 200-fold.
const RATIO_FROM = 64 * 1024;

export interface ZipEntry {
  readonly name: string;
  /** 0 stored, 8 deflated. */
  readonly method: 0 | 8;
  readonly flags: number;
  readonly crc: number;
  readonly packedSize: number;
  readonly size: number;
  /** File offset of the local header. */
  readonly offset: number;
  /** File offset where the next entry or the directory starts: the entry's bytes end before it. */
  readonly limit: number;
}

interface End {
  /** Where the end record starts. */
  readonly at: number;
  readonly view: DataView;
}

/** Reads and checks the directory; `undefined` when the file has no end record, which means it is no zip or an incomplete one. */
export async function readZipDirectory(
  source: ByteSource,
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, ZipEntry> | undefined> {
  const fail = (text: string): never => {
    throw new FileError(`${source.name}: the zip ${text}.`);
  };
  const end = await findEnd(source, signal);
  if (!end) return undefined;
  let directoryEnd = end.at;
  let count = end.view.getUint16(10, true);
  let size = end.view.getUint32(12, true);
  let offset = end.view.getUint32(16, true);
  if (end.view.getUint16(4, true) !== 0 || end.view.getUint16(6, true) !== 0 || end.view.getUint16(8, true) !== count)
    fail('is one part of several; join the parts first');

  const before = end.at >= 76 ? viewOf(await readExactly(source, end.at - 76, 76, signal)) : undefined;
  const zip64 = before?.getUint32(56, true) === LOCATOR64;
  let base: number | undefined;
  if (zip64) {
    if (before.getUint32(0, true) !== END64 || big(before, 4) !== 44)
      fail('has a zip64 end record that does not stand right before its locator');
    directoryEnd = end.at - 76;
    base = directoryEnd - big(before, 64);
    const wide = { count: big(before, 32), size: big(before, 40), offset: big(before, 48) };
    if (big(before, 24) !== wide.count || before.getUint32(16, true) !== 0 || before.getUint32(20, true) !== 0)
      fail('is one part of several; join the parts first');
    if (
      (count !== 0xffff && count !== wide.count) ||
      (size !== 0xffffffff && size !== wide.size) ||
      (offset !== 0xffffffff && offset !== wide.offset)
    )
      fail('has two end records that disagree');
    ({ count, size, offset } = wide);
  } else if (count === 0xffff || size === 0xffffffff || offset === 0xffffffff) {
    fail('needs a zip64 end record and has none');
  }

  // Bytes in front of the archive shift every offset by the same amount.
  const shift = directoryEnd - size - offset;
  if (!(shift >= 0) || (base !== undefined && base !== shift))
    fail(`directory does not end where its end record says; the file is incomplete or damaged`);
  if (count > MAX_ENTRIES) fail(`has ${count} entries; at most ${MAX_ENTRIES} are read`);
  if (size > MAX_DIRECTORY || size < count * 46) fail(`directory of ${count} entries cannot take ${size} bytes`);
  const start = directoryEnd - size;
  const entries = parseEntries(source.name, await readExactly(source, start, size, signal), count, shift, start);
  return new Map(entries.map((entry) => [entry.name, entry]));
}

/** The end record: the one whose comment reaches exactly to the end of the file. */
async function findEnd(source: ByteSource, signal?: AbortSignal): Promise<End | undefined> {
  const length = Math.min(source.size, 22 + 0xffff);
  if (length < 22) return undefined;
  const tail = await readExactly(source, source.size - length, length, signal);
  const view = viewOf(tail);
  let found: number | undefined;
  for (let at = length - 22; at >= 0; at--) {
    if (tail[at] !== 0x50 || view.getUint32(at, true) !== END) continue;
    if (at + 22 + view.getUint16(at + 20, true) !== length) continue;
    if (found !== undefined) throw new FileError(`${source.name}: the zip has two end records, which is ambiguous.`);
    found = at;
  }
  if (found === undefined) return undefined;
  return { at: source.size - length + found, view: viewOf(tail.subarray(found)) };
}

/** Whether a file that is something else by its first bytes also ends as a zip. */
export async function endsAsZip(source: ByteSource, signal?: AbortSignal): Promise<boolean> {
  return (await findEnd(source, signal)) !== undefined;
}

function parseEntries(file: string, bytes: Uint8Array, count: number, shift: number, directory: number): ZipEntry[] {
  const fail = (text: string): never => {
    throw new FileError(`${file}: the zip ${text}.`);
  };
  const view = viewOf(bytes);
  const names = new Set<string>();
  const entries: { -readonly [K in keyof ZipEntry]: ZipEntry[K] }[] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + 46 > bytes.length || view.getUint32(at, true) !== CENTRAL) fail(`directory is damaged at entry ${i}`);
    const nameLength = view.getUint16(at + 28, true);
    const extraLength = view.getUint16(at + 30, true);
    const next = at + 46 + nameLength + extraLength + view.getUint16(at + 32, true);
    if (next > bytes.length) fail(`directory is damaged at entry ${i}`);
    const flags = view.getUint16(at + 8, true);
    const name = decodeName(bytes.subarray(at + 46, at + 46 + nameLength), (flags & 0x800) !== 0);
    if (name === undefined) return fail(`entry ${i} has a name that is not UTF-8`);
    if (names.has(name)) fail(`holds the entry ${name} twice, which is ambiguous`);
    names.add(name);
    if (!isPlainPath(name)) fail(`entry ${JSON.stringify(name.slice(0, 80))} is not a plain relative path`);
    if (flags & 0x2041) fail(`entry ${name} is encrypted`);
    const method = view.getUint16(at + 10, true);
    if (method !== 0 && method !== 8)
      return fail(`entry ${name} is compressed with method ${method}; only stored and deflated entries are read`);
    const extra = view.byteOffset + at + 46 + nameLength;
    const wide = wideFields(new DataView(view.buffer, extra, extraLength), [
      view.getUint32(at + 24, true),
      view.getUint32(at + 20, true),
      view.getUint32(at + 42, true),
    ]);
    if (!wide || view.getUint16(at + 34, true) !== 0)
      return fail(`entry ${name} has a broken zip64 field or disk number`);
    const [size, packedSize, offset] = wide;
    if (method === 0 && size !== packedSize) fail(`entry ${name} is stored but has two sizes`);
    if (size > MAX_RATIO * packedSize && size > RATIO_FROM)
      fail(`entry ${name} would inflate ${packedSize} bytes to ${size}, over ${MAX_RATIO} times as many`);
    const end = offset + shift + 30 + nameLength + packedSize;
    if (!(end <= directory)) fail(`entry ${name} reaches outside the file`);
    entries.push({
      name,
      method,
      flags,
      crc: view.getUint32(at + 16, true),
      packedSize,
      size,
      offset: offset + shift,
      limit: end,
    });
    at = next;
  }
  if (at !== bytes.length) fail('directory is longer than its entries');
  entries.sort((a, b) => a.offset - b.offset);
  for (let i = 0; i < entries.length; i++) {
    const limit = i + 1 < entries.length ? entries[i + 1].offset : directory;
    if (entries[i].limit > limit) fail(`entries ${entries[i].name} and ${entries[i + 1].name} overlap`);
    entries[i].limit = limit;
  }
  return entries;
}

/**
 * The real [size, packed size, offset or nothing] of an entry, from the zip64 extra field where the 32-bit ones are all ones;
 * undefined when that field is missing or short. Numbers past 2^53 come out as NaN and fail every comparison.
 */
export function wideFields(extra: DataView, narrow: readonly number[]): number[] | undefined {
  if (!narrow.includes(0xffffffff)) return [...narrow];
  for (let at = 0; at + 4 <= extra.byteLength;) {
    const length = extra.getUint16(at + 2, true);
    if (at + 4 + length > extra.byteLength) return undefined;
    if (extra.getUint16(at, true) !== 1) {
      at += 4 + length;
      continue;
    }
    let field = at + 4;
    const wide: number[] = [];
    for (const value of narrow) {
      if (value !== 0xffffffff) wide.push(value);
      else if (field + 8 > at + 4 + length) return undefined;
      else {
        const number = big(extra, field);
        if (Number.isNaN(number)) return undefined;
        wide.push(number);
        field += 8;
      }
    }
    return wide;
  }
  return undefined;
}

/** A 64-bit number; NaN past 2^53 − 1. */
function big(view: DataView, at: number): number {
  const high = view.getUint32(at + 4, true);
  return high < 0x200000 ? high * 2 ** 32 + view.getUint32(at, true) : NaN;
}

/** An entry's name: UTF-8 where that is stated or fits, else one character a byte; undefined when stated and wrong. */
export function decodeName(bytes: Uint8Array, utf8: boolean): string | undefined {
  return decodeUtf8(bytes) ?? (utf8 ? undefined : String.fromCharCode(...bytes.subarray(0, 4096)));
}
