/**
 * PNG in and out over fast-png. Its chunks are walked here first: sizes and checksums are checked before anything is inflated,
 * only the chunks that make up the picture are handed on, and what they may inflate to is bounded by the header.
 */
import { decode, encode } from 'fast-png';
import { crc32, inflateSync } from 'node:zlib';
import { ArgumentError, FileError } from '../src/engine/index.ts';
import type { Picture } from '../src/harmon/image.ts';

/** Interleaved bytes [height, width, channels]: RGB, or RGB and alpha. */
export interface Raster {
  readonly width: number;
  readonly height: number;
  readonly channels: 3 | 4;
  readonly data: Uint8Array;
}

export interface PngFile {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly interlaced: boolean;
  readonly chunks: readonly { readonly type: string; readonly data: Uint8Array; readonly whole: Uint8Array }[];
}

const SIGNATURE = 8;
const PICTURE_CHUNKS = ['IHDR', 'PLTE', 'tRNS', 'IDAT', 'IEND'];
const CRITICAL = ['IHDR', 'PLTE', 'IDAT', 'IEND'];
const PALETTE = 3;
/** Most chunks: 64 megapixels in pieces of 8 KB, as the usual writer makes them, are fewer. */
const MAX_CHUNKS = 100_000;

/** The header's sizes, read before anything else is looked at. @throws FileError when the file does not start with a header. */
export function pngSize(bytes: Uint8Array, name: string): { width: number; height: number } {
  if (bytes.length < 33 || textOf(bytes.subarray(12, 16)) !== 'IHDR')
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
    const type = textOf(bytes.subarray(at + 4, at + 8));
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

/**
 * Decodes the pixels of any colour type to 8-bit RGB or RGBA; 16-bit values by their high byte.
 * Interlaced pictures of less than 8 bits are beyond fast-png: the caller decodes those otherwise.
 */
export function decodePng(png: PngFile, name: string): Raster {
  const colour = png.chunks[0].data[9];
  const all = (type: string) => png.chunks.filter((chunk) => chunk.type === type);
  const body = Buffer.concat(all('IDAT').map(({ data }) => data));
  // A palette only suggests colours elsewhere, and fast-png refuses colour keys of pictures smaller than the key: read here.
  const handedOn = colour === PALETTE ? PICTURE_CHUNKS : ['IHDR', 'IDAT', 'IEND'];
  if (colour === PALETTE && all('PLTE').length === 0) throw new FileError(`${name}: is broken: its palette is missing`);
  const transparent = colour === 0 || colour === 2 ? all('tRNS').at(0)?.data : undefined;
  const key =
    transparent &&
    Array.from({ length: samplesOf(colour) }, (_, i) => (transparent[2 * i] << 8) | transparent[2 * i + 1]);
  const samples = samplesOf(colour);
  const expected = png.interlaced ? adam7Bytes(png, samples) : passBytes(png.width, png.height, samples * png.depth);
  let inflated: number;
  try {
    inflated = inflateSync(body, { maxOutputLength: expected + SLACK }).length;
  } catch (cause) {
    throw new FileError(`${name}: is broken: its pixels cannot be inflated to ${expected} bytes`, { cause });
  }
  if (inflated < expected)
    throw new FileError(`${name}: is incomplete: its pixels are ${inflated} bytes of ${expected}`);
  try {
    const kept = png.chunks.filter(({ type }) => handedOn.includes(type)).map(({ whole }) => whole);
    return expand(decode(Buffer.concat([PNG_MAGIC, ...kept])), key);
  } catch (cause) {
    throw new FileError(`${name}: is broken: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

const PNG_MAGIC = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);

/** Bytes after the last row that a sloppy writer may have left. */
const SLACK = 1 << 16;

const samplesOf = (colour: number): number => ({ 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 })[colour] ?? 0;

const passBytes = (width: number, height: number, bits: number): number =>
  width === 0 || height === 0 ? 0 : height * (1 + Math.ceil((width * bits) / 8));

function adam7Bytes({ width, height, depth }: PngFile, samples: number): number {
  // Start and step of the seven passes, across and down.
  const passes = [
    [0, 8, 0, 8],
    [4, 8, 0, 8],
    [0, 4, 4, 8],
    [2, 4, 0, 4],
    [0, 2, 2, 4],
    [1, 2, 0, 2],
    [0, 1, 1, 2],
  ];
  const count = (side: number, start: number, step: number) => Math.max(0, Math.ceil((side - start) / step));
  return passes.reduce(
    (sum, [x, dx, y, dy]) => sum + passBytes(count(width, x, dx), count(height, y, dy), samples * depth),
    0,
  );
}

/** Samples of any depth, grey, palette and colour key to interleaved 8-bit RGB or RGBA. */
function expand(
  { width, height, data, depth, channels, palette }: ReturnType<typeof decode>,
  key: readonly number[] | undefined,
): Raster {
  const hasAlpha = channels === 2 || channels === 4 || key !== undefined || (palette?.[0]?.length ?? 3) === 4;
  const out = new Uint8Array(width * height * (hasAlpha ? 4 : 3));
  const perRow = depth < 8 ? Math.ceil((width * channels * depth) / 8) : width * channels;
  const highest = 2 ** depth - 1;
  const byte =
    depth === 16 ? (v: number) => v >> 8 : depth === 8 ? (v: number) => v : (v: number) => (v * 255) / highest;
  const sample = (row: number, i: number): number => {
    if (depth >= 8) return data[row + i];
    const bit = i * depth;
    return (data[row + (bit >> 3)] >> (8 - depth - (bit & 7))) & highest;
  };
  for (let y = 0, o = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const row = y * perRow;
      const first = x * channels;
      if (palette) {
        // An index beyond the palette is black, as libpng shows it.
        const [r, g, b, a] = palette[sample(row, x)] ?? [0, 0, 0];
        out[o++] = r;
        out[o++] = g;
        out[o++] = b;
        if (hasAlpha) out[o++] = a ?? 255;
        continue;
      }
      const grey = channels < 3;
      const raw = sample(row, first);
      const [g, b] = grey ? [raw, raw] : [sample(row, first + 1), sample(row, first + 2)];
      out[o++] = byte(raw);
      out[o++] = byte(g);
      out[o++] = byte(b);
      if (key) {
        const isKey = raw === key[0] && (grey || (g === key[1] && b === key[2]));
        out[o++] = isKey ? 0 : 255;
      } else if (hasAlpha) out[o++] = byte(sample(row, first + channels - 1));
    }
  return { width, height, channels: hasAlpha ? 4 : 3, data: out };
}

/** Most bytes of all texts of a file. */
const MAX_TEXT = 1 << 22;

/** The texts of a PNG by their keywords, the first of each: iTXt, compressed or not, and tEXt. Broken ones, and what is too long, are passed over. */
export function pngTexts({ chunks }: PngFile): Map<string, string> {
  const texts = new Map<string, string>();
  let room = MAX_TEXT;
  for (const { type, data } of chunks) {
    if (type !== 'iTXt' && type !== 'tEXt') continue;
    const end = data.indexOf(0);
    const keyword = Buffer.from(data.subarray(0, Math.max(0, Math.min(end, 80)))).toString('latin1');
    if (end <= 0 || end > 79 || texts.has(keyword)) continue;
    const isPacked = type === 'iTXt' && data[end + 1] === 1;
    const bytes = type === 'tEXt' ? data.subarray(end + 1) : internationalText(data, end, room);
    const fits = bytes !== undefined && bytes.length <= room;
    // Deflate makes at most 1032 bytes of one: what did not come out whole took no more.
    if (fits || isPacked) room -= fits ? bytes.length : Math.min(room, data.length * 1032);
    if (!fits) continue;
    const text = type === 'tEXt' ? Buffer.from(bytes).toString('latin1') : utf8(bytes);
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
  try {
    return inflateSync(body, { maxOutputLength: Math.max(1, room) });
  } catch {
    return undefined;
  }
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
    return chunk(
      'iTXt',
      Buffer.concat([Buffer.from(keyword, 'latin1'), new Uint8Array(5), Buffer.from(value, 'utf8')]),
    );
  });
  const end = file.length - 12;
  return new Uint8Array(Buffer.concat([file.subarray(0, end), ...chunks, file.subarray(end)]));
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(data.length, 0);
  out.set(body, 4);
  out.writeUInt32BE(crc32(body), body.length + 4);
  return out;
}

const word = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
const textOf = (bytes: Uint8Array): string => String.fromCharCode(...bytes);
