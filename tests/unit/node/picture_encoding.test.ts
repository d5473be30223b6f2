/** Pictures written as PNG and JPEG. */
import { crc32 } from 'node:zlib';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { decodePicture, encodeJpeg, encodePng } from '../../../node/pictures.ts';
import { ArgumentError } from '../../../src/engine/index.ts';
import type { Picture } from '../../../src/harmon/image.ts';

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
