import { describe, expect, it } from 'vitest';
import { decodePicture } from '../../../node/pictures.ts';
import { ArgumentError } from '../../../src/engine/index.ts';
import { type Picture, fromPixels, padToSquare, prepare, resize, tile, toPixels } from '../../../src/harmon/image.ts';
import { goldenPath, readBytes, readSafetensors } from '../../support/golden.ts';

/** A picture whose every byte is f(x, y, channel). */
const picture = (width: number, height: number, f: (x: number, y: number, c: number) => number): Picture => ({
  width,
  height,
  data: Uint8Array.from({ length: width * height * 3 }, (_, i) =>
    f(Math.floor(i / 3) % width, Math.floor(i / 3 / width), i % 3),
  ),
});

describe('prepare', () => {
  const recorded = readSafetensors(goldenPath('prepare.safetensors'));
  it.each([...recorded.keys()])('is bit-exact on %s', async (name) => {
    const [photo, size] = name.split('.');
    const original = await decodePicture(readBytes(goldenPath(`pictures/${photo}.png`)), photo);
    const ours = prepare(original, Number(size));
    expect([ours.height, ours.width, 3]).toEqual(recorded.get(name)?.shape);
    expect(Buffer.compare(ours.data, recorded.get(name)?.data as Uint8Array)).toBe(0);
  });
});

describe('prepare, without the square', () => {
  const noise = (width: number, height: number) =>
    picture(width, height, (x, y, c) => Math.imul(x * 2654435 + y * 40503 + c * 977, 2246822519) >>> 24);

  it.each([
    [1, 7],
    [7, 1],
    [2, 3],
    [40, 39],
    [39, 40],
    [1, 300],
    [300, 1],
    [61, 200],
    [200, 62],
    [16, 5],
    [5, 16],
  ])('has the bits of padToSquare and resize on %i×%i', (width, height) => {
    const original = noise(width, height);
    for (const size of [1, 2, 16, 33, 64, 200]) {
      const [ours, square] = [prepare(original, size), resize(padToSquare(original), size, size)];
      expect([ours.width, ours.height]).toEqual([size, size]);
      expect(Buffer.compare(ours.data, square.data)).toBe(0);
    }
  });

  it.each([
    [1, 65535],
    [65535, 1],
  ])('takes %i×%i in the memory of a few such rows', (width, height) => {
    const before = process.memoryUsage.rss();
    const out = prepare({ width, height, data: new Uint8Array(width * height * 3).fill(255) }, 16);
    expect([out.width, out.height]).toEqual([16, 16]);
    expect(process.memoryUsage.rss() - before).toBeLessThan(256 * 2 ** 20);
  });

  it.each([
    [1, 65536],
    [60_000_000, 1],
  ])('refuses %i×%i before it looks at the bytes', (width, height) => {
    const prepared = () => prepare({ width, height, data: new Uint8Array(0) }, 16);
    expect(prepared).toThrow(ArgumentError);
    expect(prepared).toThrow(
      `[picture] sides must be at most 65535 pixels but are ${width}×${height}: make it smaller`,
    );
  });
});

describe('padToSquare', () => {
  it('centres on grey, the odd pixel right or below', () => {
    const wide = padToSquare(picture(4, 1, (x) => x));
    expect([wide.width, wide.height]).toEqual([4, 4]);
    expect(Array.from(wide.data.filter((_, i) => i % 3 === 0))).toEqual([
      127,
      127,
      127,
      127,
      0,
      1,
      2,
      3,
      ...Array(8).fill(127),
    ]);
    const tall = padToSquare(picture(1, 2, (_, y) => y + 7));
    expect(Array.from(tall.data)).toEqual([7, 7, 7, 127, 127, 127, 8, 8, 8, 127, 127, 127]);
  });

  it('returns a square as it is', () => {
    const square = picture(3, 3, (x, y) => x + y);
    expect(padToSquare(square)).toBe(square);
    expect(prepare(square, 3)).toBe(square);
  });
});

describe('resize', () => {
  it('keeps one colour, up and down, clamped at both ends', () => {
    for (const value of [0, 1, 127, 254, 255])
      for (const size of [1, 3, 5, 16, 40]) {
        const out = resize(
          picture(16, 16, () => value),
          size,
          size,
        );
        expect(new Set(out.data)).toEqual(new Set([value]));
      }
  });

  it('overshoots at an edge only as far as a byte goes', () => {
    const out = resize(
      picture(4, 4, (x) => (x < 2 ? 0 : 255)),
      16,
      4,
    );
    expect([out.width, out.height]).toEqual([16, 4]);
    expect(out.data[0]).toBe(0);
    expect(out.data[15 * 3]).toBe(255);
  });

  it.each([0, -1, 1.5, 1e9])('refuses the side %f', (side) => {
    expect(() =>
      resize(
        picture(2, 2, () => 0),
        side,
        2,
      ),
    ).toThrow(ArgumentError);
  });

  it('refuses a picture whose bytes do not fit its size', () => {
    expect(() => resize({ width: 2, height: 2, data: new Uint8Array(11) }, 4, 4)).toThrow('2×2×3 bytes but has 11');
  });
});

describe('pixels', () => {
  it('go in as p/127.5 − 1', () => {
    const pixels = toPixels(picture(2, 1, (x, _, c) => [0, 51, 255, 127, 128, 204][x * 3 + c]));
    expect(Array.from(pixels)).toEqual([0, 51, 255, 127, 128, 204].map((p) => Math.fround(p / 127.5 - 1)));
  });

  it('come out as 127.5x + 128, clamped and truncated', () => {
    const pixels = Float32Array.from([-1, 0, 1, -1.004, 0.996, 0.995, -2, 9, -0.9999, NaN, 0.0039, 0.0079]);
    expect(Array.from(fromPixels(pixels, 2, 2).data)).toEqual([0, 128, 255, 0, 254, 254, 0, 255, 0, 0, 128, 129]);
  });

  it('survive the way in and out up to the offset of one half', () => {
    const grey = picture(16, 16, (x, y) => y * 16 + x);
    expect(fromPixels(toPixels(grey), 16, 16).data).toEqual(grey.data);
  });

  it('must be as many as the size says', () => {
    expect(() => fromPixels(new Float32Array(5), 1, 2)).toThrow('[pixels] must be [2, 1, 3] but have 5 values');
  });
});

describe('tile', () => {
  it('sets pictures row by row, what is left black', () => {
    const tiles = [10, 20, 30].map((value) => picture(2, 1, (x) => value + x));
    const out = tile(tiles, 2);
    expect([out.width, out.height]).toEqual([4, 2]);
    expect(Array.from(out.data.filter((_, i) => i % 3 === 0))).toEqual([10, 11, 20, 21, 30, 31, 0, 0]);
  });

  it('refuses pictures of different sizes, and none', () => {
    expect(() => tile([picture(2, 1, () => 0), picture(1, 2, () => 0)], 2)).toThrow('number 1 is 1×2 beside 2×1');
    expect(() => tile([], 2)).toThrow('at least one picture');
  });
});
