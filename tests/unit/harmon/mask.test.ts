/** Masks of any size, snapped to tokens: whatever a marked part touches is marked whole. */
import { describe, expect, it } from 'vitest';
import { type Mask, checkMask, snapMask, tokenMask } from '../../../src/harmon/mask.ts';

/** Rows of `#` and `.`. */
const drawn = (...rows: string[]): Mask => ({
  width: rows[0].length,
  height: rows.length,
  data: Uint8Array.from(rows.join(''), (c) => (c === '#' ? 255 : 0)),
});

/** A picture on its grid, without padding before it. */
const place = (width: number, height: number, left = 0, top = 0) => ({
  width,
  height,
  left,
  top,
  grid: [Math.ceil((height + top) / 16), Math.ceil((width + left) / 16)] as const,
});

const snapped = (mask: Mask, at: ReturnType<typeof place>): string[] => {
  const tokens = snapMask(mask, at);
  const [m, n] = at.grid;
  return Array.from({ length: m }, (_, y) => Array.from(tokens.subarray(y * n, (y + 1) * n), (t) => '.#'[t]).join(''));
};

describe('snapping', () => {
  it('stretches a mask of any size over the picture', () => {
    expect(snapped(drawn('#.'), place(64, 32))).toEqual(['##..', '##..']);
    expect(snapped(drawn('.', '#'), place(64, 32))).toEqual(['....', '####']);
    expect(snapped(drawn('..#.', '....'), place(64, 32))).toEqual(['..#.', '....']);
    expect(snapped(drawn('#'), place(40, 20))).toEqual(['###', '###']);
    expect(snapped(drawn('#.'.repeat(50)), place(50, 16))).toEqual(['####']);
  });

  it('marks what is touched and nothing else, to the pixel', () => {
    const pixel = (x: number) => ({
      width: 64,
      height: 1,
      data: Uint8Array.from({ length: 64 }, (_, i) => +(i === x) * 255),
    });
    expect(snapped(pixel(15), place(64, 16))).toEqual(['#...']);
    expect(snapped(pixel(16), place(64, 16))).toEqual(['.#..']);
    expect(snapped(pixel(63), place(64, 16))).toEqual(['...#']);
    // a third of 64 pixels ends within the second token
    expect(snapped(drawn('#..'), place(64, 16))).toEqual(['##..']);
    expect(snapped(drawn('..#'), place(64, 16))).toEqual(['..##']);
    // thirds of 48 pixels are tokens
    for (const [i, row] of ['#..', '.#.', '..#'].entries())
      expect(snapped(drawn(row), place(48, 16)), `third ${i}`).toEqual([row]);
  });

  it('knows what lies before a picture', () => {
    expect(snapped(drawn('#.'), place(20, 20, 12, 12))).toEqual(['#.', '#.'].map(() => '##'));
    expect(snapped(drawn('.#'), place(20, 20, 12, 12))).toEqual(['.#', '.#']);
  });

  it('reads a black and white picture, grey from the middle up', () => {
    const rgb = (...levels: number[]) => ({
      width: levels.length,
      height: 1,
      data: Uint8Array.from(levels.flatMap((level) => [level, level, level])),
    });
    expect(snapped(rgb(0, 127, 128, 255), place(64, 16))).toEqual(['..##']);
    expect(snapped({ width: 4, height: 1, data: Uint8Array.of(0, 127, 128, 255) }, place(64, 16))).toEqual(['..##']);
  });

  it('gives back what it was given as tokens', () => {
    const mask = tokenMask([2, 3], [0, 4]);
    expect(mask).toEqual({ width: 3, height: 2, data: Uint8Array.of(255, 0, 0, 0, 255, 0) });
    for (const at of [place(48, 32), place(41, 17), place(36, 20, 12, 12)])
      expect(Array.from(snapMask(tokenMask(at.grid, [0, 4]), place(48, 32))), JSON.stringify(at)).toEqual([
        1, 0, 0, 0, 1, 0,
      ]);
  });
});

it.each([
  [undefined, 'but is undefined'],
  [null, 'but is null'],
  [{ width: 2, height: 2, data: new Uint8Array(5) }, 'but is 2×2 with 5'],
  [{ width: NaN, height: 2, data: new Uint8Array(0) }, 'but is NaN×2 with 0'],
  [{ width: 0, height: 0, data: new Uint8Array(0) }, 'but is 0×0 with 0'],
  [{ width: 1.5, height: 2, data: new Uint8Array(3) }, 'but is 1.5×2 with 3'],
  [{ width: 70000, height: 1, data: new Uint8Array(70000) }, 'but is 70000×1 with 70000'],
  [{ width: 2, height: 1, data: [255, 0] }, 'but is object'],
])('refuses %j', (mask, end) => {
  expect(() => checkMask(mask as Mask)).toThrow('[edit] mask must be { width, height, data }');
  expect(() => checkMask(mask as Mask)).toThrow(end);
});
