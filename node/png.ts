/**
 * Pixels of a PNG over fast-png. Its chunks are walked before; only those that make up the picture are handed on, and what they may inflate to is
 * bounded by the header.
 */
import { decode } from 'fast-png';
import { inflateSync } from 'node:zlib';
import { FileError } from '../src/engine/index.ts';
import { PICTURE_CHUNKS, type PngFile } from '../src/harmon/png.ts';

/** Interleaved bytes [height, width, channels]: RGB, or RGB and alpha. */
export interface Raster {
  readonly width: number;
  readonly height: number;
  readonly channels: 3 | 4;
  readonly data: Uint8Array;
}

const PALETTE = 3;

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
