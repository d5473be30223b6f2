/** PNGs of every colour type, their alpha, and their orientation. */
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { decodePicture } from '../../../node/pictures.ts';
import { type Raw, grey, pngOf } from '../../support/png_by_hand.ts';

const read = async (raw: Raw, asReference = false) =>
  Array.from((await decodePicture(pngOf(raw), 'x.png', { asReference })).data);

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
