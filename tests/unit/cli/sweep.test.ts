/** Axes of a sheet, and where its labels and pictures lie. */
import { describe, expect, it } from 'vitest';
import { labelledSheet, sheetSize } from '../../../node/cli/sheet.ts';
import { sweepAxes, sweepAxis } from '../../../node/cli/sweep.ts';
import { ArgumentError } from '../../../src/engine/index.ts';

describe('an axis', () => {
  it('is a setting and its values', () => {
    expect(sweepAxis('temperature=.8, 1').points).toEqual([
      { label: 'temperature .8', point: { temperature: 0.8 } },
      { label: 'temperature 1', point: { temperature: 1 } },
    ]);
    expect(sweepAxes(['cfg-schedule=linear', 'num-iter=4'])[0].points[0].point).toEqual({ cfgSchedule: 'linear' });
  });

  it.each([
    ['cfg', /must be name=value/],
    ['', /must be name=value/],
    ['toString=1', /must be name=value/],
    ['cfg=', /--sweep cfg must be a number but is ""/],
    ['cfg=1,,2', /must be a number but is ""/],
    ['timesteps=1', /must be a whole number from 2/],
    ['cfg-schedule=cosine', /constant and linear but has "cosine"/],
    [`seed=${'1,'.repeat(64)}1`, /at most 64 values but seed has 65/],
  ])('%s is refused', (text, sentence) => {
    expect(() => sweepAxis(text)).toThrow(ArgumentError);
    expect(() => sweepAxis(text)).toThrow(sentence);
  });

  it('comes at most twice, for two settings', () => {
    expect(() => sweepAxes(['cfg=1', 'seed=1', 'timesteps=2'])).toThrow('at most twice');
    expect(() => sweepAxes(['cfg=1', 'cfg=2'])).toThrow('name each setting once');
  });
});

describe('a sheet', () => {
  const labels = { columns: ['cfg 1', 'a label wider than its picture'], rows: ['first', '<second> &'] };
  const pictures = [10, 60, 110, 160].map((value) => ({
    width: 24,
    height: 20,
    data: new Uint8Array(24 * 20 * 3).fill(value),
  }));

  it('has every picture whole, in its place, and a label for each column and row', async () => {
    const sheet = await labelledSheet(labels, pictures);
    expect([sheet.width, sheet.height]).toEqual([...sheetSize(labels, 24, 20)]);
    const places = pictures.map(({ data }) => {
      let [count, first] = [0, -1];
      for (let p = 0; p < sheet.data.length; p += 3)
        if (sheet.data[p] === data[0] && sheet.data[p + 1] === data[0] && sheet.data[p + 2] === data[0]) {
          if (first < 0) first = p / 3;
          count++;
        }
      return { count, x: first % sheet.width, y: Math.floor(first / sheet.width) };
    });
    for (const { count } of places) expect(count).toBeGreaterThanOrEqual(480);
    const dark = (x0: number, x1: number, y0: number, y1: number) => {
      for (let y = y0; y < y1; y++)
        for (let x = x0; x < x1; x++) if (sheet.data[(y * sheet.width + x) * 3] < 128) return true;
      return false;
    };
    const [, , third] = places;
    expect(dark(0, 100, third.y, third.y + 20)).toBe(true);
    expect(dark(0, sheet.width, 0, 28)).toBe(true);
  });

  it('larger than a picture may be is refused', () =>
    expect(() =>
      sheetSize({ columns: Array<string>(64).fill('x'), rows: Array<string>(64).fill('y') }, 512, 512),
    ).toThrow('at most 64 megapixels'));
});
