import { deflateSync, crc32 } from 'node:zlib';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { decodePicture, encodeJpeg, encodePng } from '../../../node/pictures.ts';
import { ArgumentError, FileError } from '../../../src/engine/index.ts';
import { pngTexts, readPng } from '../../../src/harmon/png.ts';
import type { Picture } from '../../../src/harmon/image.ts';
import { workWatch } from '../../support/cpu_time.ts';
import { readBytes } from '../../support/golden.ts';

const dataFile = (name: string) => readBytes(new URL(`../../corpus/pictures/${name}`, import.meta.url));
const MAGIC = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);

function chunk(type: string, data: Uint8Array): Uint8Array {
  const body = Buffer.concat([Buffer.from(type), data]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(data.length, 0);
  frame.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
}

interface Raw {
  width: number;
  height: number;
  depth: number;
  colour: number;
  /** Rows as PNG packs them, without the filter byte. */
  rows: number[][];
  palette?: number[];
  transparency?: number[];
  interlaced?: boolean;
  exif?: Uint8Array;
}

/** A PNG made by hand, unfiltered; interlaced, the rows are those of the passes. */
function pngOf({ width, height, depth, colour, rows, palette, transparency, interlaced, exif }: Raw): Uint8Array {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([depth, colour, 0, 0, interlaced ? 1 : 0], 8);
  return new Uint8Array(
    Buffer.concat([
      MAGIC,
      chunk('IHDR', header),
      ...(exif ? [chunk('eXIf', exif)] : []),
      ...(palette ? [chunk('PLTE', Uint8Array.from(palette))] : []),
      ...(transparency ? [chunk('tRNS', Uint8Array.from(transparency))] : []),
      chunk('IDAT', deflateSync(Uint8Array.from(rows.flatMap((row) => [0, ...row])))),
      chunk('IEND', new Uint8Array(0)),
    ]),
  );
}

const read = async (raw: Raw, asReference = false) =>
  Array.from((await decodePicture(pngOf(raw), 'x.png', { asReference })).data);
const grey = (...values: number[]) => values.flatMap((v) => [v, v, v]);

describe('PNG colour types', () => {
  it('grey of 1, 2, 4, 8 and 16 bits', async () => {
    const one = { width: 3, height: 2, colour: 0 };
    expect(await read({ ...one, depth: 1, rows: [[0b10100000], [0b01000000]] })).toEqual(grey(255, 0, 255, 0, 255, 0));
    expect(await read({ ...one, depth: 2, rows: [[0b00011000], [0b11100100]] })).toEqual(
      grey(0, 85, 170, 255, 170, 85),
    );
    expect(
      await read({
        ...one,
        depth: 4,
        rows: [
          [0x0f, 0x10],
          [0x23, 0x80],
        ],
      }),
    ).toEqual(grey(0, 255, 17, 34, 51, 136));
    expect(
      await read({
        ...one,
        depth: 8,
        rows: [
          [1, 2, 3],
          [250, 0, 9],
        ],
      }),
    ).toEqual(grey(1, 2, 3, 250, 0, 9));
    expect(
      await read({
        ...one,
        depth: 16,
        rows: [
          [1, 255, 2, 0, 3, 128],
          [250, 1, 0, 255, 9, 9],
        ],
      }),
    ).toEqual(grey(1, 2, 3, 250, 0, 9));
  });

  it('RGB of 8 and 16 bits', async () => {
    const one = { width: 2, height: 1, colour: 2 };
    expect(await read({ ...one, depth: 8, rows: [[1, 2, 3, 4, 5, 6]] })).toEqual([1, 2, 3, 4, 5, 6]);
    expect(await read({ ...one, depth: 16, rows: [[1, 9, 2, 9, 3, 9, 4, 255, 5, 255, 6, 255]] })).toEqual([
      1, 2, 3, 4, 5, 6,
    ]);
  });

  it('palettes of 1, 2, 4 and 8 bits', async () => {
    const palette = [10, 20, 30, 40, 50, 60, 70, 80, 90];
    const one = { width: 3, height: 1, colour: 3, palette };
    expect(await read({ ...one, depth: 1, rows: [[0b01000000]] })).toEqual([10, 20, 30, 40, 50, 60, 10, 20, 30]);
    for (const [depth, row] of [
      [2, [0b10000100]],
      [4, [0x20, 0x10]],
      [8, [2, 0, 1]],
    ] as const)
      expect(await read({ ...one, depth, rows: [[...row]] })).toEqual([70, 80, 90, 10, 20, 30, 40, 50, 60]);
    expect(await read({ ...one, depth: 8, rows: [[0, 200, 1]] })).toEqual([10, 20, 30, 0, 0, 0, 40, 50, 60]);
  });

  it('alpha is composited on white, or dropped as the reference does', async () => {
    const rgba = { width: 2, height: 1, colour: 6, depth: 8, rows: [[100, 0, 255, 128, 7, 8, 9, 0]] };
    // (128·100 + 127·255)/255 = 177.2, 127, 255
    expect(await read(rgba)).toEqual([177, 127, 255, 255, 255, 255]);
    expect(await read(rgba, true)).toEqual([100, 0, 255, 7, 8, 9]);
    const greyAlpha = { width: 2, height: 1, colour: 4, depth: 16, rows: [[100, 9, 128, 200, 7, 9, 255, 255]] };
    expect(await read(greyAlpha)).toEqual(grey(177, 7));
    expect(await read(greyAlpha, true)).toEqual(grey(100, 7));
  });

  it('as a mask: what is transparent; white painted on a transparent layer; without transparency the picture itself', async () => {
    const mask = async (...pixels: number[][]) => {
      const file = pngOf({ width: pixels.length, height: 1, colour: 6, depth: 8, rows: [pixels.flat()] });
      const { data } = await decodePicture(file, 'x.png', { asMask: true });
      return Array.from(data).filter((_, i) => i % 3 === 0);
    };
    expect(await mask([9, 200, 9, 255], [9, 200, 9, 0], [255, 255, 255, 255])).toEqual([0, 255, 0]);
    expect(await mask([255, 255, 255, 255], [0, 0, 0, 0], [255, 255, 255, 200])).toEqual([255, 0, 200]);
    expect(await mask([255, 255, 255, 255], [0, 0, 0, 255])).toEqual([255, 0]);
  });

  it('a palette with alpha and a colour key count as alpha', async () => {
    const indexed = {
      width: 3,
      height: 1,
      colour: 3,
      depth: 8,
      palette: [0, 0, 0, 100, 0, 255, 9, 9, 9],
      rows: [[0, 1, 2]],
    };
    expect(await read({ ...indexed, transparency: [0, 128] })).toEqual([255, 255, 255, 177, 127, 255, 9, 9, 9]);
    expect(await read({ ...indexed, transparency: [0, 128] }, true)).toEqual([0, 0, 0, 100, 0, 255, 9, 9, 9]);
    const key8 = {
      width: 2,
      height: 1,
      colour: 2,
      depth: 8,
      rows: [[1, 2, 3, 1, 2, 4]],
      transparency: [0, 1, 0, 2, 0, 3],
    };
    expect(await read(key8)).toEqual([255, 255, 255, 1, 2, 4]);
    const key16 = { width: 2, height: 1, colour: 0, depth: 16, rows: [[5, 1, 5, 2]], transparency: [5, 2] };
    expect(await read(key16)).toEqual(grey(5, 255));
    const key1 = { width: 2, height: 1, colour: 0, depth: 1, rows: [[0b01000000]], transparency: [0, 0] };
    expect(await read(key1)).toEqual(grey(255, 255));
  });

  it('a palette of true colour is a suggestion', async () => {
    const palette = [10, 20, 30];
    expect(await read({ width: 1, height: 1, depth: 8, colour: 2, palette, rows: [[0, 2, 3]] })).toEqual([0, 2, 3]);
    const transparency = [0, 0, 0, 2, 0, 3];
    expect(await read({ width: 1, height: 1, depth: 8, colour: 2, transparency, rows: [[0, 2, 3]] })).toEqual([
      255, 255, 255,
    ]);
    expect(await read({ width: 1, height: 1, depth: 8, colour: 6, transparency, rows: [[0, 2, 3, 255]] })).toEqual([
      0, 2, 3,
    ]);
  });

  it('interlaced of one bit', async () => {
    // 3×3: pass 1 holds (0,0), pass 5 (0,2) and (2,2), pass 6 (1,0) and (1,2), pass 7 the row 1; pass 4 (2,0).
    const rows = [[0b10000000], [0b00000000], [0b01000000], [0b10000000], [0b00000000], [0b01100000]];
    expect(await read({ width: 3, height: 3, depth: 1, colour: 0, interlaced: true, rows })).toEqual(
      grey(255, 255, 0, 0, 255, 255, 0, 0, 255),
    );
  });
});

describe('EXIF orientation', () => {
  const pixels = Uint8Array.from({ length: 18 }, (_, i) => i * 10); // 3×2
  const exif = (value: number, little: boolean) => {
    const view = new DataView(new ArrayBuffer(26));
    view.setUint16(0, little ? 0x4949 : 0x4d4d);
    view.setUint16(2, 42, little);
    view.setUint32(4, 8, little);
    view.setUint16(8, 1, little);
    view.setUint16(10, 0x0112, little);
    view.setUint16(12, 3, little);
    view.setUint32(14, 1, little);
    view.setUint16(18, value, little);
    return new Uint8Array(view.buffer);
  };
  const raw = { width: 3, height: 2, depth: 8, colour: 2, rows: [[...pixels.slice(0, 9)], [...pixels.slice(9)]] };

  it.each([1, 2, 3, 4, 5, 6, 7, 8])('%i stands upright in PNG as sharp turns it in TIFF', async (orientation) => {
    const tiff = await sharp(pixels, { raw: { width: 3, height: 2, channels: 3 } })
      .withMetadata({ orientation })
      .tiff({ compression: 'none' })
      .toBuffer();
    const upright = await decodePicture(tiff, 'x.tiff');
    expect([upright.width, upright.height]).toEqual(orientation < 5 ? [3, 2] : [2, 3]);
    for (const little of [true, false])
      expect(await decodePicture(pngOf({ ...raw, exif: exif(orientation, little) }), 'x.png')).toEqual(upright);
    for (const file of [tiff, pngOf({ ...raw, exif: exif(orientation, true) })])
      expect((await decodePicture(file, 'x', { asReference: true })).data).toEqual(pixels);
  });

  it('that cannot be read is none', async () => {
    for (const broken of [
      exif(0, true),
      exif(9, true),
      exif(6, true).slice(0, 12),
      new Uint8Array(3),
      new Uint8Array(26).fill(255),
    ])
      expect((await decodePicture(pngOf({ ...raw, exif: broken }), 'x.png')).data).toEqual(pixels);
  });
});

describe('other formats', () => {
  const rgba = Buffer.from([100, 0, 255, 128, 7, 8, 9, 0]);
  const opened = async (file: Buffer, asReference = false) =>
    Array.from((await decodePicture(new Uint8Array(file), 'x', { asReference })).data);
  const rgb = (r: number, g: number, b: number, count = 256) => Array.from({ length: count }, () => [r, g, b]).flat();

  it.each(['webp', 'tiff'] as const)(
    '%s with alpha is composited on white, or dropped as the reference does',
    async (format) => {
      const how = { lossless: true, exact: true, compression: 'none' };
      const file = await sharp(rgba, { raw: { width: 2, height: 1, channels: 4 } })
        .toFormat(format, how)
        .toBuffer();
      expect(await opened(file)).toEqual([177, 127, 255, 255, 255, 255]);
      expect(await opened(file, true)).toEqual([100, 0, 255, 7, 8, 9]);
    },
  );

  it('GIF with a colour that is clear is white there', async () => {
    const file = await sharp(rgba, { raw: { width: 2, height: 1, channels: 4 } })
      .gif()
      .toBuffer();
    expect((await opened(file)).slice(3)).toEqual([255, 255, 255]);
  });

  it('16 bits count by their high byte', async () => {
    const three = Uint16Array.of(0x1234, 0x12ff, 0xff00, 0x00ff, 0x0100, 0x80ff);
    const colour = await sharp(three, { raw: { width: 2, height: 1, channels: 3 } })
      .toColourspace('rgb16')
      .tiff({ compression: 'none' })
      .toBuffer();
    expect((await sharp(colour).metadata()).depth).toBe('ushort');
    expect(await opened(colour)).toEqual([0x12, 0x12, 0xff, 0, 1, 0x80]);
    const one = await sharp(three.slice(0, 4), { raw: { width: 4, height: 1, channels: 1 } })
      .toColourspace('grey16')
      .tiff({ compression: 'none' })
      .toBuffer();
    expect((await sharp(one).metadata()).depth).toBe('ushort');
    expect(await opened(one)).toEqual(grey(0x12, 0x12, 0xff, 0));
  });

  it.each(['jpeg', 'tiff'] as const)('CMYK of %s is mixed as ideal inks', async (format) => {
    const file = await sharp({ create: { width: 16, height: 16, channels: 3, background: { r: 200, g: 30, b: 60 } } })
      .toColourspace('cmyk')
      .toFormat(format, { quality: 100, compression: format === 'tiff' ? 'none' : undefined })
      .toBuffer();
    const [c, m, y, k] = await sharp(file, { ignoreIcc: true })
      .pipelineColourspace('cmyk')
      .toColourspace('cmyk')
      .raw()
      .toBuffer();
    expect([c, m, y, k]).toEqual([1, 253, 203, 39]); // the inks that this colour takes by sharp's profile
    // (1 − c)(1 − k) of each: 216 − 216·1/255 = 215.2, 216 − 214.3, 216 − 171.95
    expect(await opened(file)).toEqual(rgb(215, 2, 44));
    expect(await opened(file, true)).toEqual(rgb(215, 2, 44));
  });

  it.each(['png', 'jpeg', 'webp', 'tiff'] as const)('a profile in %s is ignored', async (format) => {
    const how = { quality: 100, lossless: format === 'webp', chromaSubsampling: '4:4:4' };
    const file = await sharp({ create: { width: 16, height: 16, channels: 3, background: { r: 200, g: 30, b: 60 } } })
      .withIccProfile('p3')
      .toFormat(format, how)
      .toBuffer();
    expect((await sharp(file).metadata()).icc).toBeDefined();
    const stored = await sharp(file, { ignoreIcc: true }).raw().toBuffer();
    const shown = await sharp(file).toColourspace('srgb').raw().toBuffer();
    expect(stored).not.toEqual(shown); // it would make a difference
    expect(await opened(file)).toEqual([...stored]);
  });

  it.each(['jpeg', 'webp', 'tiff', 'png'] as const)('%s stands upright by its EXIF orientation', async (format) => {
    const file = await sharp({ create: { width: 3, height: 2, channels: 3, background: '#123456' } })
      .withMetadata({ orientation: 6 })
      .toFormat(format)
      .toBuffer();
    const size = async (asReference: boolean) => {
      const { width, height } = await decodePicture(new Uint8Array(file), 'x', { asReference });
      return [width, height];
    };
    expect(await size(false)).toEqual([2, 3]);
    expect(await size(true)).toEqual([3, 2]);
  });

  it.each(['png', 'jpeg', 'webp', 'gif', 'tiff'] as const)('a single row, column or pixel of %s', async (format) => {
    for (const [width, height] of [
      [1, 300],
      [300, 1],
      [1, 1],
    ]) {
      const file = await sharp({ create: { width, height, channels: 3, background: '#fff' } })
        .toFormat(format)
        .toBuffer();
      const picture = await decodePicture(new Uint8Array(file), 'x');
      expect([picture.width, picture.height]).toEqual([width, height]);
      expect(Array.from(picture.data)).toEqual(rgb(255, 255, 255, width * height));
    }
  });

  it('a GIF or TIFF cut short is refused', async () => {
    for (const format of ['gif', 'tiff'] as const) {
      const noise = Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * 2654435761) >>> 24);
      const file = await sharp(noise, { raw: { width: 64, height: 64, channels: 3 } })
        .toFormat(format)
        .toBuffer();
      for (const part of [0.1, 0.5, 0.9])
        await expect(decodePicture(new Uint8Array(file).slice(0, file.length * part), 'x')).rejects.toThrow(FileError);
    }
  });
});

describe('refusals', () => {
  const good = () =>
    pngOf({
      width: 2,
      height: 2,
      depth: 8,
      colour: 0,
      rows: [
        [1, 2],
        [3, 4],
      ],
    });
  const refused = async (bytes: Uint8Array, sentence: string) => {
    const error = await decodePicture(bytes, 'p').catch((e: unknown) => e);
    expect(error).toBeInstanceOf(FileError);
    expect((error as Error).message).toContain(sentence);
  };

  it('more than 64 megapixels, from the header alone', async () => {
    await refused(dataFile('claims_2_31.png'), 'p: must have at most 64 megapixels but is 2147483647×2147483647');
    const header = pngOf({ width: 8001, height: 8000, depth: 8, colour: 2, rows: [] });
    await refused(header, 'but is 8001×8000: make it smaller first');
    const jpeg = await sharp({ create: { width: 9000, height: 7200, channels: 3, background: '#000' } })
      .jpeg()
      .toBuffer();
    await refused(jpeg, 'but is 9000×7200');
  });

  it('other formats, by what they are', async () => {
    await refused(new Uint8Array(0), 'p: must be a PNG, JPEG, WebP, GIF or TIFF picture but is empty');
    await refused(Buffer.from('BM......'), 'but is BMP: convert it');
    await refused(Buffer.from('....ftypavif'), 'but is AVIF');
    await refused(Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'), 'but is something else');
  });

  it('files cut short, at every place', async () => {
    for (const name of ['lossless.webp', 'progressive.jpg', 'interlaced.png']) {
      const whole = dataFile(name);
      for (const part of [0.01, 0.3, 0.7, 0.99])
        await expect(decodePicture(whole.slice(0, whole.length * part), name)).rejects.toThrow(FileError);
    }
    for (let length = 1; length < good().length; length++)
      await expect(decodePicture(good().slice(0, length), 'p')).rejects.toThrow(FileError);
  });

  it('PNGs whose bytes are wrong', async () => {
    const flipped = good();
    flipped[flipped.length - 20] ^= 1;
    await refused(flipped, 'p: is broken: the checksum of its IDAT chunk is wrong');
    await refused(pngOf({ width: 0, height: 2, depth: 8, colour: 0, rows: [] }), 'its header says 0×2 pixels');
    await refused(
      pngOf({ width: 2, height: 2, depth: 8, colour: 0, rows: [[1, 2], [3]] }),
      'is incomplete: its pixels are 5 bytes of 6',
    );
    await refused(pngOf({ width: 2, height: 1, depth: 8, colour: 5, rows: [[1, 2]] }), 'p: is broken: ');
    await refused(pngOf({ width: 2, height: 1, depth: 7, colour: 0, rows: [[1, 2]] }), 'p: is broken: ');
    await refused(
      pngOf({ width: 2, height: 1, depth: 8, colour: 3, rows: [[1, 2]] }),
      'p: is broken: its palette is missing',
    );
  });

  it('a PNG that inflates to far more than its header says', async () => {
    const bomb = pngOf({ width: 1, height: 1, depth: 8, colour: 0, rows: [Array(100).fill(0)] });
    expect((await decodePicture(bomb, 'p')).width).toBe(1); // a little more is let pass
    const rows = Array.from({ length: 200 }, () => Array<number>(1000).fill(0));
    await refused(pngOf({ width: 1, height: 1, depth: 8, colour: 0, rows }), 'cannot be inflated to 2 bytes');
  });
});

describe('encoding', () => {
  const picture: Picture = {
    width: 40,
    height: 24,
    data: Uint8Array.from({ length: 40 * 24 * 3 }, (_, i) => (i * 37 + (i >> 5)) & 255),
  };

  it('PNG comes back bit for bit, here and in sharp', async () => {
    const file = encodePng(picture);
    expect(await decodePicture(file, 'x.png')).toEqual(picture);
    const { data } = await sharp(file).raw().toBuffer({ resolveWithObject: true });
    expect(new Uint8Array(data)).toEqual(picture.data);
  });

  it('PNG carries text of any script', async () => {
    const file = Buffer.from(encodePng(picture, { prompt: '左边一只狗 🐶', Größe: '40' }));
    expect(await decodePicture(file, 'x.png')).toEqual(picture);
    const text = Buffer.concat([Buffer.from('iTXtprompt\0\0\0\0\0'), Buffer.from('左边一只狗 🐶')]);
    const at = file.indexOf(text);
    expect(file.readUInt32BE(at - 4)).toBe(text.length - 4);
    expect(file.readUInt32BE(at + text.length)).toBe(crc32(text));
    expect(file.indexOf(Buffer.from('iTXtGröße\0', 'latin1'))).toBeGreaterThan(at);
  });

  it.each(['', ' a', 'a ', '狗', 'a\0b', 'x'.repeat(80)])('refuses the PNG keyword %j', (keyword) => {
    expect(() => encodePng(picture, { [keyword]: 'x' })).toThrow(ArgumentError);
  });

  it('JPEG is quality 75 with 4:2:0, and close', async () => {
    const smooth: Picture = {
      ...picture,
      data: Uint8Array.from({ length: 40 * 24 * 3 }, (_, i) => (Math.floor(i / 3) % 40) * 6),
    };
    const file = await encodeJpeg(smooth);
    const { chromaSubsampling, format } = await sharp(file).metadata();
    expect([format, chromaSubsampling]).toEqual(['jpeg', '4:2:0']);
    // The first luminance quantiser of the standard table is 16 at quality 50, 8 at 75.
    const table = Buffer.from(file).indexOf(Uint8Array.of(0xff, 0xdb));
    expect(file[table + 5]).toBe(8);
    const back = await decodePicture(file, 'x.jpg');
    expect(back.data.every((v, i) => Math.abs(v - smooth.data[i]) <= 4)).toBe(true);
  });
});

describe('chunks out of place', () => {
  const header = chunk('IHDR', Uint8Array.of(0, 0, 0, 2, 0, 0, 0, 1, 8, 0, 0, 0, 0));
  const pixels = deflateSync(Uint8Array.of(0, 7, 8));
  const [body, end] = [chunk('IDAT', pixels), chunk('IEND', new Uint8Array(0))];
  const [first, second] = [chunk('IDAT', pixels.subarray(0, 4)), chunk('IDAT', pixels.subarray(4))];
  const text = chunk('tEXt', Buffer.from('a\0b'));
  const palette = chunk('PLTE', new Uint8Array(6));
  const decoded = (...chunks: Uint8Array[]) => decodePicture(new Uint8Array(Buffer.concat([MAGIC, ...chunks])));

  it('are fine where they change nothing', async () => {
    for (const chunks of [
      [text, palette, body],
      [first, second, text],
    ])
      expect(Array.from((await decoded(header, ...chunks, end)).data)).toEqual(grey(7, 8));
  });

  it.each([
    ['a second header', [header, header, body, end], 'its IHDR chunk is out of place'],
    [
      'a header of another length',
      [chunk('IHDR', Uint8Array.of(0, 0, 0, 2, 0, 0, 0, 1, 8, 0, 0, 0, 0, 0)), body, end],
      'its IHDR chunk is out of',
    ],
    ['a second palette', [header, palette, palette, body, end], 'its PLTE chunk is out of place'],
    ['a palette after the pixels', [header, body, palette, end], 'its PLTE chunk is out of place'],
    ['pixels in two places', [header, first, text, second, end], 'its IDAT chunk is out of place'],
    [
      'a chunk that must be known and is not',
      [header, chunk('OVER', new Uint8Array(0)), body, end],
      'unknown chunk OVER',
    ],
  ])('are refused: %s', async (_, chunks, sentence) => {
    await expect(decoded(...chunks)).rejects.toThrow(FileError);
    await expect(decoded(...chunks)).rejects.toThrow(sentence);
  });

  it('are too many', async () => {
    const few = Array<Uint8Array>(60_000).fill(chunk('tEXt', new Uint8Array(0)));
    const many = Array<Uint8Array>(60_000).fill(chunk('IDAT', new Uint8Array(0)));
    const work = workWatch();
    await expect(decoded(header, ...few, ...many, body, end)).rejects.toThrow(
      'picture: must have at most 100000 chunks but has more: save it again',
    );
    expect(work()).toBeLessThan(2000);
  });

  it('hold texts up to a limit over all of them', () => {
    const bodies = new Map([9, 5, 4_000_000].map((length) => [length, deflateSync(Buffer.alloc(length, 'a'))]));
    const packed = (keyword: string, length: number) =>
      chunk('iTXt', Buffer.concat([Buffer.from(`${keyword}\0\x01\0\0\0`), bodies.get(length)!]));
    const texts = (...chunks: Uint8Array[]) =>
      pngTexts(readPng(new Uint8Array(Buffer.concat([MAGIC, header, ...chunks, body, end])), 'p'));
    expect([...texts(text, packed('a', 9), packed('b', 5)).values()]).toEqual(['b', 'aaaaa']);
    const long = chunk('tEXt', Buffer.from(`long\0${'x'.repeat(5_000_000)}`));
    expect([...texts(long, packed('b', 5)).keys()]).toEqual(['b']);
    const bombs = Array.from({ length: 500 }, (_, i) => packed(`k${i}`, 4_000_000));
    const work = workWatch();
    expect(texts(...bombs).size).toBe(1);
    expect(work()).toBeLessThan(1000);
  });

  it('are spoken of as of "picture" where there is no name', async () => {
    await expect(decoded(header)).rejects.toThrow(/^picture: is incomplete/);
    await expect(decodePicture(null as unknown as Uint8Array)).rejects.toThrow(ArgumentError);
    await expect(decodePicture('x.png' as unknown as Uint8Array)).rejects.toThrow(
      '[decodePicture] the picture must be the bytes of a file, a Uint8Array, but is a string',
    );
  });
});
