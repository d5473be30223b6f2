/** A zip file as named entries, read by ranges: stored entries in place, deflated ones by inflating forwards. */
import { FileError } from '../errors.ts';
import { crc32 as ownCrc32 } from './crc32.ts';
import { inflateCursor, type InflateCursor } from './inflate.ts';
import { readExactly, type ByteSource } from './source.ts';
import { viewOf } from './wire.ts';
import { decodeName, readZipDirectory, wideFields, type ZipEntry } from './zip_directory.ts';

const LOCAL = 0x04034b50;
// Entries up to this size are read whole even for a part of them, so that their CRC is always checked.
const SMALL = 64 * 1024;

export interface ZipFile {
  readonly name: string;
  readonly entries: ReadonlyMap<string, ZipEntry>;
  /**
   * `length` bytes of an entry from `offset` on; the whole entry without a range. The CRC is checked when an entry is read whole, in
   * one call or in consecutive pieces from its start; parts of a stored entry out of order cannot be checked.
   */
  read(
    entry: ZipEntry,
    range?: { offset: number; length: number },
    signal?: AbortSignal,
    into?: Uint8Array,
  ): Promise<Uint8Array>;
}

/** Opens a zip by its directory; undefined when there is none at the file's end. Throws FileError on anything ambiguous. */
export async function openZip(source: ByteSource, signal?: AbortSignal): Promise<ZipFile | undefined> {
  const entries = await readZipDirectory(source, signal);
  if (!entries) return undefined;
  const crc32 = source.crc32 ?? ownCrc32;
  const dataStarts = new Map<ZipEntry, number>();
  const progress = new Map<ZipEntry, { next: number; crc: number }>();
  let cursor: { entry: ZipEntry; at: InflateCursor } | undefined;
  let turn: Promise<unknown> = Promise.resolve(); // one reader at a time on the shared cursor

  const subject = (entry: ZipEntry): string => `${source.name}: entry ${entry.name}`;

  function keepStart(entry: ZipEntry, header: Uint8Array): number {
    const start = entry.offset + checkLocalHeader(subject(entry), entry, header);
    if (start + entry.packedSize > entry.limit)
      throw new FileError(`${subject(entry)} overlaps what comes after it in the zip.`);
    dataStarts.set(entry, start);
    return start;
  }

  async function dataStart(entry: ZipEntry, signal?: AbortSignal): Promise<number> {
    const known = dataStarts.get(entry);
    if (known !== undefined) return known;
    const fixed = await readExactly(source, entry.offset, 30, signal);
    const length = 30 + viewOf(fixed).getUint16(26, true) + viewOf(fixed).getUint16(28, true);
    return keepStart(entry, await readExactly(source, entry.offset, length, signal));
  }

  function openCursor(entry: ZipEntry): InflateCursor {
    const readPacked = async (offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array> =>
      readExactly(source, (await dataStart(entry, signal)) + offset, length, signal);
    return inflateCursor({
      subject: subject(entry),
      packedSize: entry.packedSize,
      size: entry.size,
      crc: entry.crc,
      readPacked,
    });
  }

  function damaged(entry: ZipEntry): FileError {
    return new FileError(`${subject(entry)} is damaged: its CRC is wrong; download the file again.`);
  }

  async function readWhole(entry: ZipEntry, signal?: AbortSignal, into?: Uint8Array): Promise<Uint8Array> {
    if (entry.method === 8) return openCursor(entry).next(entry.size, signal);
    let bytes: Uint8Array;
    const room = entry.limit - entry.offset;
    if (!into && room - entry.size < SMALL) {
      // header, data and whatever follows in one read
      const block = await readExactly(source, entry.offset, room, signal);
      const start = keepStart(entry, block) - entry.offset;
      bytes = block.subarray(start, start + entry.size);
    } else bytes = await readExactly(source, await dataStart(entry, signal), entry.size, signal, into);
    if (crc32(bytes, 0) !== entry.crc) throw damaged(entry);
    return bytes;
  }

  async function readStored(
    entry: ZipEntry,
    offset: number,
    length: number,
    signal?: AbortSignal,
    into?: Uint8Array,
  ): Promise<Uint8Array> {
    const bytes = await readExactly(source, (await dataStart(entry, signal)) + offset, length, signal, into);
    const before = offset === 0 ? { next: 0, crc: 0 } : progress.get(entry);
    if (before?.next !== offset) return bytes;
    const now = { next: offset + length, crc: crc32(bytes, before.crc) };
    progress.set(entry, now);
    if (now.next === entry.size && now.crc !== entry.crc) throw damaged(entry);
    return bytes;
  }

  async function readDeflated(
    entry: ZipEntry,
    offset: number,
    length: number,
    signal?: AbortSignal,
  ): Promise<Uint8Array> {
    if (cursor?.entry !== entry || cursor.at.position > offset) cursor = { entry, at: openCursor(entry) };
    const { at } = cursor;
    cursor = undefined; // a failed read leaves no half-moved cursor behind
    await at.skip(offset - at.position, signal);
    const bytes = await at.next(length, signal);
    cursor = { entry, at };
    return bytes;
  }

  return {
    name: source.name,
    entries,
    async read(entry, range, signal, into) {
      const { offset, length } = range ?? { offset: 0, length: entry.size };
      if (offset < 0 || length < 0 || offset + length > entry.size)
        throw new RangeError(`${subject(entry)} has ${entry.size} bytes; ${offset} + ${length} were asked for`);
      if (length === entry.size) return readWhole(entry, signal, into);
      if (entry.size <= SMALL) return (await readWhole(entry, signal)).subarray(offset, offset + length);
      if (entry.method === 0) return readStored(entry, offset, length, signal, into);
      const mine = turn.then(() => readDeflated(entry, offset, length, signal));
      turn = mine.catch(() => undefined);
      return mine;
    },
  };
}

/** Compares a local header with the directory's entry and returns its length; the two must say the same. */
function checkLocalHeader(subject: string, entry: ZipEntry, bytes: Uint8Array): number {
  const fail = (text: string): never => {
    throw new FileError(`${subject} ${text}; the zip is damaged or was made to deceive.`);
  };
  const view = viewOf(bytes);
  if (view.getUint32(0, true) !== LOCAL) fail('does not start with a local header');
  const nameLength = view.getUint16(26, true);
  const extraLength = view.getUint16(28, true);
  const length = 30 + nameLength + extraLength;
  if (length > bytes.length) fail('has a local header longer than its place');
  const flags = view.getUint16(6, true);
  if (flags !== entry.flags) fail('has other flags in its local header than in the directory');
  if (view.getUint16(8, true) !== entry.method) fail('has another method in its local header than in the directory');
  if (decodeName(bytes.subarray(30, 30 + nameLength), (flags & 0x800) !== 0) !== entry.name)
    fail('has another name in its local header than in the directory');
  const crc = view.getUint32(14, true);
  const wide = wideFields(viewOf(bytes.subarray(30 + nameLength, length)), [
    view.getUint32(22, true),
    view.getUint32(18, true),
  ]);
  if (!wide) return fail('has a broken zip64 field in its local header');
  // With flag 3 the CRC and sizes may stand as zeros here: they follow the data then.
  const agrees = (local: number, central: number): boolean => local === central || ((flags & 8) !== 0 && local === 0);
  if (!agrees(wide[0], entry.size) || !agrees(wide[1], entry.packedSize) || !agrees(crc, entry.crc))
    fail('has another size or CRC in its local header than in the directory');
  return length;
}
