/**
 * PNG files but for their pixels' decoding: chunks walked with sizes and checksums checked before anything is inflated, the texts among them, and
 * files of pictures with texts.
 */
import { encode } from 'fast-png';
import { Unzlib } from 'fflate';
import { ArgumentError, FileError, crc32 } from '../engine/index.ts';
import { concat, fromLatin1, latin1 } from './bytes.ts';
import type { Picture } from './image.ts';

/** A PNG file walked up to its end chunk; `whole` is a chunk with its frame. */
export interface PngFile {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly interlaced: boolean;
  readonly chunks: readonly { readonly type: string; readonly data: Uint8Array; readonly whole: Uint8Array }[];
}

const SIGNATURE = 8;
/** Chunks that make up the pixels. */
export const PICTURE_CHUNKS = ['IHDR', 'PLTE', 'tRNS', 'IDAT', 'IEND'];
const CRITICAL = ['IHDR', 'PLTE', 'IDAT', 'IEND'];
/** Most chunks: 64 megapixels in pieces of 8 KB, as the usual writer makes them, are fewer. */
const MAX_CHUNKS = 100_000;

/** The header's sizes, read before anything else is looked at. @throws FileError when the file does not start with a header. */
export function pngSize(bytes: Uint8Array, name: string): { width: number; height: number } {
  if (bytes.length < 33 || latin1(bytes.subarray(12, 16)) !== 'IHDR')
    throw new FileError(`${name}: is broken: a PNG must start with its header`);
  const { width, height } = { width: word(bytes, 16), height: word(bytes, 20) };
  if (width === 0 || height === 0 || width > 0x7fffffff || height > 0x7fffffff)
    throw new FileError(`${name}: is broken: its header says ${width}×${height} pixels`);
  return { width, height };
}

/** Walks the chunks up to the end chunk. @throws FileError for a file that ends early or whose checksums are wrong. */
export function readPng(bytes: Uint8Array, name: string): PngFile {
  const { width, height } = pngSize(bytes, name);
  const chunks: PngFile['chunks'][number][] = [];
  const seen = new Set<string>();
  for (let at = SIGNATURE; chunks.at(-1)?.type !== 'IEND';) {
    const length = at + 12 <= bytes.length ? word(bytes, at) : 0;
    if (at + 12 + length > bytes.length)
      throw new FileError(`${name}: is incomplete: the PNG ends after ${bytes.length} bytes`);
    const type = latin1(bytes.subarray(at + 4, at + 8));
    const checked = bytes.subarray(at + 4, at + 8 + length);
    if (PICTURE_CHUNKS.includes(type) && crc32(checked) !== word(bytes, at + 8 + length))
      throw new FileError(`${name}: is broken: the checksum of its ${type} chunk is wrong`);
    checkPlace(type, length, seen, chunks.at(-1)?.type, name);
    if (chunks.length >= MAX_CHUNKS)
      throw new FileError(`${name}: must have at most ${MAX_CHUNKS} chunks but has more: save it again`);
    seen.add(type);
    chunks.push({ type, data: checked.subarray(4), whole: bytes.subarray(at, at + 12 + length) });
    at += 12 + length;
  }
  return { width, height, depth: bytes[24], interlaced: bytes[28] !== 0, chunks };
}

/** Critical chunks have a place each: what stands elsewhere, readers take for different pictures. */
function checkPlace(
  type: string,
  length: number,
  seen: ReadonlySet<string>,
  before: string | undefined,
  name: string,
): void {
  if (!/^[A-Z]/.test(type)) return;
  if (!CRITICAL.includes(type)) throw new FileError(`${name}: is broken: it has the unknown chunk ${type}`);
  const isAtPlace = {
    IHDR: before === undefined && length === 13,
    PLTE: !seen.has('PLTE') && !seen.has('IDAT'),
    IDAT: !seen.has('IDAT') || before === 'IDAT',
    IEND: true,
  }[type];
  if (!isAtPlace) throw new FileError(`${name}: is broken: its ${type} chunk is out of place`);
}

/** Deflate makes at most 1032 bytes of one. */
const MAX_RATIO = 1032;

/** Most bytes of all texts of a file. */
const MAX_TEXT = 1 << 22;

/** The texts of a PNG by their keywords, the first of each: iTXt, compressed or not, and tEXt. Broken ones, and what is too long, are passed over. */
export function pngTexts({ chunks }: PngFile): Map<string, string> {
  const texts = new Map<string, string>();
  let room = MAX_TEXT;
  for (const { type, data } of chunks) {
    if (type !== 'iTXt' && type !== 'tEXt') continue;
    const end = data.indexOf(0);
    const keyword = latin1(data.subarray(0, Math.max(0, Math.min(end, 80))));
    if (end <= 0 || end > 79 || texts.has(keyword)) continue;
    const isPacked = type === 'iTXt' && data[end + 1] === 1;
    const bytes = type === 'tEXt' ? data.subarray(end + 1) : internationalText(data, end, room);
    const fits = bytes !== undefined && bytes.length <= room;
    // what did not come out whole took no more
    if (fits || isPacked) room -= fits ? bytes.length : Math.min(room, data.length * MAX_RATIO);
    if (!fits) continue;
    const text = type === 'tEXt' ? latin1(bytes) : utf8(bytes);
    if (text !== undefined) texts.set(keyword, text);
  }
  return texts;
}

/** After the keyword: whether and how it is compressed, a language, a translated keyword, the text as UTF-8. */
function internationalText(data: Uint8Array, end: number, room: number): Uint8Array | undefined {
  const translated = data.indexOf(0, end + 3) + 1;
  const start = data.indexOf(0, translated) + 1;
  if (translated === 0 || start === 0) return undefined;
  const body = data.subarray(start);
  if (data[end + 1] !== 1) return body;
  return inflateAtMost(body, room);
}

/** What zlib data inflates to, or nothing where it is broken or longer than `most`; in slices, so that little more than that is ever made. */
function inflateAtMost(packed: Uint8Array, most: number): Uint8Array | undefined {
  const parts: Uint8Array[] = [];
  const slice = Math.max(16, Math.ceil(most / MAX_RATIO));
  let length = 0;
  const inflater = new Unzlib((part) => {
    length += part.length;
    parts.push(part);
  });
  try {
    for (let at = 0; at === 0 || at < packed.length; at += slice) {
      inflater.push(packed.subarray(at, at + slice), at + slice >= packed.length);
      if (length > most) return undefined;
    }
  } catch {
    return undefined;
  }
  return concat(parts);
}

function utf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/**
 * A PNG file of a picture. `text` goes into iTXt chunks, which hold any Unicode, by keyword (1 to 79 Latin-1 characters).
 * @throws ArgumentError for a keyword that PNG does not allow.
 */
export function encodePng(picture: Picture, text: Readonly<Record<string, string>> = {}): Uint8Array {
  const file = encode({ ...picture, channels: 3, depth: 8 }, { zlib: { level: 6 } });
  const chunks = Object.entries(text).map(([keyword, value]) => {
    if (!/^(?! )[\u0020-\u007e\u00a1-\u00ff]{1,79}(?<! )$/.test(keyword))
      throw new ArgumentError(
        `[PNG text] a keyword must be 1 to 79 Latin-1 characters without a space at either end but is ${JSON.stringify(keyword)}`,
      );
    // Keyword, separator, uncompressed (two zeros), no language, no translated keyword.
    return chunk('iTXt', concat([fromLatin1(keyword), new Uint8Array(5), new TextEncoder().encode(value)]));
  });
  const end = file.length - 12;
  return concat([file.subarray(0, end), ...chunks, file.subarray(end)]);
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const body = concat([fromLatin1(type), data]);
  const out = new Uint8Array(body.length + 8);
  const view = new DataView(out.buffer);
  view.setUint32(0, data.length);
  out.set(body, 4);
  view.setUint32(body.length + 4, crc32(body));
  return out;
}

const word = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
