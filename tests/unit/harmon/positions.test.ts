import { describe, expect, it } from 'vitest';
import { resamplePositions } from '../../../src/harmon/positions.ts';

describe('resamplePositions', () => {
  const width = 3;
  /** A table of 2 buffer rows and a 4×4 grid with value f(row, column) in every channel plus the channel number. */
  const table = (f: (y: number, x: number) => number) =>
    Float32Array.from({ length: (2 + 16) * width }, (_, i) => {
      const row = Math.floor(i / width) - 2;
      return (row < 0 ? -100 + row : f(Math.floor(row / 4), row % 4)) + (i % width);
    });

  it('returns the stored table at its own grid', () => {
    const stored = table((y, x) => y * x);
    expect(resamplePositions(stored, width, 2, [4, 4])).toBe(stored);
  });

  it('leaves the buffer rows alone', () => {
    const out = resamplePositions(
      table((y, x) => y * x),
      width,
      2,
      [3, 5],
    );
    expect(out.length).toBe((2 + 15) * width);
    expect(Array.from(out.slice(0, 6))).toEqual([-102, -101, -100, -101, -100, -99]);
  });

  it('doubles as published: r0, ¾r0+¼r1, ¼r0+¾r1, ¾r1+¼r2 … r3', () => {
    const out = resamplePositions(
      table((y) => [0, 8, 24, 64][y]),
      width,
      2,
      [8, 4],
    );
    const column = Array.from({ length: 8 }, (_, y) => out[(2 + y * 4) * width]);
    expect(column).toEqual([0, 2, 6, 12, 20, 34, 54, 64]);
  });

  it('resamples rows and columns separately, larger and smaller', () => {
    const out = resamplePositions(
      table((y, x) => 100 * y + x),
      width,
      2,
      [2, 8],
    );
    // Two rows of four sample at 0.5 and 2.5.
    expect(Array.from({ length: 16 }, (_, i) => out[(2 + i) * width])).toEqual(
      [50, 250].flatMap((y) => [0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3].map((x) => y + x)),
    );
    expect(out[2 * width + 2] - out[2 * width]).toBe(2);
  });

  it.each([
    [[0, 4], 'a grid must be two positive whole numbers but is 0×4'],
    [[2.5, 4], 'but is 2.5×4'],
  ] as const)('refuses the grid %j', (grid, sentence) => {
    expect(() =>
      resamplePositions(
        table(() => 0),
        width,
        2,
        grid,
      ),
    ).toThrow(sentence);
  });

  it('refuses a table that is not a square grid', () => {
    expect(() => resamplePositions(new Float32Array(3 * 7), 3, 2, [4, 4])).toThrow(
      'must hold 2 buffer rows and a square grid',
    );
  });
});
