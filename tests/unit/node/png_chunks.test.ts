/** PNGs whose bytes or chunks are wrong, out of place, or too many. */
import { deflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { decodePicture } from '../../../node/pictures.ts';
import { ArgumentError, FileError } from '../../../src/engine/index.ts';
import { pngTexts, readPng } from '../../../src/harmon/png.ts';
import { workWatch } from '../../support/cpu_time.ts';
import { PNG_SIGNATURE, chunk, grey, pngOf } from '../../support/png_by_hand.ts';

describe('broken PNGs', () => {
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

describe('chunks out of place', () => {
  const header = chunk('IHDR', Uint8Array.of(0, 0, 0, 2, 0, 0, 0, 1, 8, 0, 0, 0, 0));
  const pixels = deflateSync(Uint8Array.of(0, 7, 8));
  const [body, end] = [chunk('IDAT', pixels), chunk('IEND', new Uint8Array(0))];
  const [first, second] = [chunk('IDAT', pixels.subarray(0, 4)), chunk('IDAT', pixels.subarray(4))];
  const text = chunk('tEXt', Buffer.from('a\0b'));
  const palette = chunk('PLTE', new Uint8Array(6));
  const decoded = (...chunks: Uint8Array[]) => decodePicture(new Uint8Array(Buffer.concat([PNG_SIGNATURE, ...chunks])));

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
      pngTexts(readPng(new Uint8Array(Buffer.concat([PNG_SIGNATURE, header, ...chunks, body, end])), 'p'));
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
