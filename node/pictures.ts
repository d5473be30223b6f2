/**
 * Picture files for Node, known by their first bytes and not by their names: PNG through fast-png, the other formats through
 * sharp, which is optional. A file's size in pixels is read from its header and checked before anything is decoded.
 */
import type Sharp from 'sharp';
import { ArgumentError, FileError } from '../src/engine/index.ts';
import type { Picture } from '../src/harmon/image.ts';
import { wordFor } from './word_for.ts';
import { type PngFile, pngSize, readPng } from '../src/harmon/png.ts';
import { formatOf } from '../src/harmon/picture_text.ts';
import { type Raster, decodePng } from './png.ts';

export { encodePng } from '../src/harmon/png.ts';
export { formatOf } from '../src/harmon/picture_text.ts';

/** Largest picture that is decoded, in pixels. */
export const MAX_PIXELS = 64_000_000;

export interface DecodeOptions {
  /** Read as the reference does: alpha dropped, EXIF orientation ignored. */
  readonly asReference?: boolean;
  /**
   * Read as a mask: white means what is marked. Of a picture with transparent parts, those are marked; but where all that is opaque is white, as
   * when white was painted on a transparent layer, that is.
   */
  readonly asMask?: boolean;
}

/**
 * Decodes a picture file to RGB: alpha composited on white, EXIF orientation applied, embedded profiles ignored, 16-bit values
 * by their high byte, of an animation the first frame. `name` names the file in errors.
 * @throws ArgumentError for what is no bytes, FileError for a format that is not read, a broken or incomplete file, or more than MAX_PIXELS.
 */
export async function decodePicture(
  bytes: Uint8Array,
  name = 'picture',
  options: DecodeOptions = {},
): Promise<Picture> {
  if (!(bytes instanceof Uint8Array))
    throw new ArgumentError(
      `[decodePicture] the picture must be the bytes of a file, a Uint8Array, but is ${wordFor(bytes)}`,
    );
  const format = formatOf(bytes);
  if (!READ.includes(format))
    throw new FileError(
      `${name}: must be a PNG, JPEG, WebP, GIF or TIFF picture but is ${format}: convert it to PNG or JPEG first`,
    );
  if (format !== 'PNG') return decodeWithSharp(bytes, name, format, options);
  checkPixels(pngSize(bytes, name), name);
  const png = readPng(bytes, name);
  // fast-png takes every interlaced sample for whole bytes.
  if (png.interlaced && png.depth < 8) return decodeWithSharp(bytes, name, 'interlaced low-depth PNG', options);
  const picture = flatten(decodePng(png, name), options);
  return options.asReference ? picture : orient(picture, orientationOf(png));
}

/** A JPEG file at quality 75 with 4:2:0 chroma, Pillow's defaults. Needs sharp. */
export async function encodeJpeg(picture: Picture): Promise<Uint8Array> {
  const sharp = await loadSharp('JPEG');
  const { width, height, data } = picture;
  const file = await sharp(data, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: 75, chromaSubsampling: '4:2:0' })
    .toBuffer();
  return new Uint8Array(file);
}

const READ = ['PNG', 'JPEG', 'WebP', 'GIF', 'TIFF'];

function checkPixels({ width, height }: { width: number; height: number }, name: string): void {
  if (width * height > MAX_PIXELS)
    throw new FileError(
      `${name}: must have at most ${MAX_PIXELS / 1e6} megapixels but is ${width}×${height}: make it smaller first`,
    );
}

/** The package that decodes what is no PNG. @throws FileError naming the `format` that needs it. */
export async function loadSharp(format: string): Promise<typeof Sharp> {
  try {
    return (await import('sharp')).default;
  } catch (cause) {
    throw new FileError(
      `${format} pictures need the package sharp, which is not installed or does not run here: npm install sharp, or use PNG`,
      { cause },
    );
  }
}

async function decodeWithSharp(bytes: Uint8Array, name: string, format: string, how: DecodeOptions): Promise<Picture> {
  const sharp = await loadSharp(format);
  try {
    const options = { failOn: 'error', limitInputPixels: false, ignoreIcc: true, pages: 1 } as const;
    const header = await sharp(bytes, options).metadata();
    checkPixels(header, name);
    // CMYK comes out as it is: sharp would bring it to RGB by a profile of its own.
    const space = header.space === 'cmyk' ? 'cmyk' : 'srgb';
    const { data, info } = await sharp(bytes, {
      ...options,
      limitInputPixels: MAX_PIXELS,
      autoOrient: !how.asReference,
    })
      .pipelineColourspace(space)
      .toColourspace(space)
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    return flatten(space === 'cmyk' ? inkToRgb(info, data) : toRgb(info, data), how);
  } catch (cause) {
    if (cause instanceof FileError) throw cause;
    const why = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
    throw new FileError(`${name}: is broken or incomplete: the ${format} cannot be decoded (${why})`, { cause });
  }
}

/** One or two channels are grey and alpha. */
function toRgb(
  { width, height, channels }: { width: number; height: number; channels: number },
  data: Uint8Array,
): Raster {
  if (channels === 3 || channels === 4) return { width, height, channels, data };
  const to = channels === 1 ? 3 : 4;
  const out = new Uint8Array(width * height * to);
  for (let i = 0; i < width * height; i++) {
    out.fill(data[i * channels], i * to, i * to + 3);
    if (to === 4) out[i * to + 3] = data[i * channels + 1];
  }
  return { width, height, channels: to, data: out };
}

/** Cyan, magenta, yellow and black of 0 to 255 to RGB as ideal inks mix, c = (255 − k) − round(c·(255 − k) / 255). */
function inkToRgb(
  { width, height, channels }: { width: number; height: number; channels: number },
  data: Uint8Array,
): Raster {
  const out = new Uint8Array(width * height * 3);
  for (let p = 0, o = 0; p < data.length; p += channels) {
    const light = 255 - data[p + 3];
    for (let c = 0; c < 3; c++) out[o++] = light - Math.round((data[p + c] * light) / 255);
  }
  return { width, height, channels: 3, data: out };
}

/** Alpha composited on white, c = round((a·c + (255 − a)·255) / 255); or dropped; or read as a mask. */
function flatten(
  { width, height, channels, data }: Raster,
  { asReference: dropAlpha, asMask }: DecodeOptions,
): Picture {
  if (asMask && channels === 4 && data.some((byte, i) => i % 4 === 3 && byte < 255))
    return { width, height, data: maskOf(data) };
  if (channels === 3) return { width, height, data: new Uint8Array(data.buffer, data.byteOffset, data.length) };
  const out = new Uint8Array(width * height * 3);
  for (let p = 0, o = 0; p < data.length; p += 4) {
    const a = dropAlpha ? 255 : data[p + 3];
    for (let c = 0; c < 3; c++) out[o++] = Math.round((a * data[p + c] + (255 - a) * 255) / 255);
  }
  return { width, height, data: out };
}

/** RGBA with transparent parts → RGB, white where marked. */
function maskOf(data: Uint8Array): Uint8Array {
  const isWhite = (at: number) => data[at] >= 250 && data[at + 1] >= 250 && data[at + 2] >= 250;
  let paintsWhite = true;
  for (let at = 0; at < data.length; at += 4) paintsWhite &&= data[at + 3] < 128 || isWhite(at);
  const out = new Uint8Array((data.length / 4) * 3);
  for (let at = 3, o = 0; at < data.length; at += 4, o += 3)
    out.fill(paintsWhite ? data[at] : 255 - data[at], o, o + 3);
  return out;
}

/** EXIF orientation of a PNG, 1 … 8; 1 where there is none that can be read. */
function orientationOf(png: PngFile): number {
  const exif = png.chunks.find(({ type }) => type === 'eXIf')?.data;
  if (!exif || exif.length < 8) return 1;
  const view = new DataView(exif.buffer, exif.byteOffset, exif.length);
  const little = exif[0] === 0x49;
  const directory = view.getUint32(4, little);
  if (directory + 2 > exif.length) return 1;
  const entries = view.getUint16(directory, little);
  for (let i = 0, at = directory + 2; i < entries && at + 12 <= exif.length; i++, at += 12)
    if (view.getUint16(at, little) === 0x0112) {
      const value = view.getUint16(at + 8, little);
      return value >= 1 && value <= 8 ? value : 1;
    }
  return 1;
}

/** Turns and mirrors a picture upright. */
function orient(picture: Picture, orientation: number): Picture {
  if (orientation === 1) return picture;
  const { width, height, data } = picture;
  const swaps = orientation >= 5;
  const [w, h] = swaps ? [height, width] : [width, height];
  const out = new Uint8Array(data.length);
  // For each orientation: does the upright picture's x (y) run against the stored axis it comes from?
  const againstX = [2, 3, 6, 7].includes(orientation);
  const againstY = [3, 4, 7, 8].includes(orientation);
  for (let y = 0; y < h; y++)
    for (let x = 0; x < w; x++) {
      const u = againstX ? w - 1 - x : x;
      const v = againstY ? h - 1 - y : y;
      const from = (swaps ? u * width + v : v * width + u) * 3;
      out.set(data.subarray(from, from + 3), (y * w + x) * 3);
    }
  return { width: w, height: h, data: out };
}
