/** Pictures of the other formats: alpha, 16 bits, inks, profiles, orientation, odd sizes. */
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { decodePicture } from '../../../node/pictures.ts';
import { FileError } from '../../../src/engine/index.ts';
import { grey } from '../../support/png_by_hand.ts';

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
