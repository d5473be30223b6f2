/** Pictures that are refused: too large, of other formats, cut short. */
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { decodePicture } from '../../../node/pictures.ts';
import { FileError } from '../../../src/engine/index.ts';
import { readBytes } from '../../support/golden.ts';
import { pngOf } from '../../support/png_by_hand.ts';

const dataFile = (name: string) => readBytes(new URL(`../../corpus/pictures/${name}`, import.meta.url));

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
});
