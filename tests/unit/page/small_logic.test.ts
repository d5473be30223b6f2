/** Sheets over two settings; named presets; time left; problems in plain words. */
import { describe, expect, it } from 'vitest';
import { benchText, fastestPeer, parseBench, timeText, timesFaster } from '../../../web/app/logic/bench_record.ts';
import { bytesText } from '../../../web/app/logic/bytes_text.ts';
import { applyPreset, presetsFrom, removePreset, savePreset } from '../../../web/app/logic/presets.ts';
import { problemOf } from '../../../web/app/logic/problem.ts';
import { NO_PACE, clock, paceAfter, remaining } from '../../../web/app/logic/remaining.ts';
import { cellsOf, labelsOf, sweepOf, valuesOf } from '../../../web/app/logic/sheet.ts';
import { WHOLE, panned, toPicture, zoomed } from '../../../web/app/logic/view.ts';
import { FileError, GpuError } from '../../../src/engine/index.ts';
import { base, settings } from './support.ts';

describe('a sheet', () => {
  const plan = { columns: { name: 'cfg', values: [1, 3] }, rows: { name: 'seed', values: [5, 6, 7] } } as const;

  it('has a cell for each pair, row by row', () => {
    const cells = cellsOf(settings({ count: 4 }), plan);
    expect(cells.map(({ guidance, seed, count }) => [guidance, seed, count])).toEqual([
      [1, 5, 1],
      [3, 5, 1],
      [1, 6, 1],
      [3, 6, 1],
      [1, 7, 1],
      [3, 7, 1],
    ]);
    expect(labelsOf(plan.columns)).toEqual(['guidance 1', 'guidance 3']);
    expect(sweepOf(plan)).toEqual(['cfg=1,3', 'seed=5,6,7']);
    expect(cellsOf(settings(), { columns: { name: 'num-iter', values: [500] } })[0].iterations).toBe(64);
  });

  it('takes values that fit', () => {
    expect(valuesOf('cfg', ' 1, 3.5;-2 ')).toEqual([1, 3.5, -2]);
    for (const [name, text] of [
      ['cfg', ''],
      ['cfg', '1,x'],
      ['cfg', '5000'],
      ['seed', '1.5'],
      ['timesteps', '1'],
      ['seed', '1 2 3 4 5 6 7 8 9'],
    ] as const)
      expect(valuesOf(name, text)).toBeTypeOf('string');
  });
});

describe('presets', () => {
  it('keep all but words and seed, each name once', () => {
    const saved = savePreset(savePreset([], ' Bold ', settings({ guidance: 9 })), 'Bold', settings({ guidance: 5 }));
    expect(saved).toHaveLength(1);
    expect(applyPreset(settings({ prompt: 'mine', seed: 3 }), saved[0])).toEqual(
      settings({ prompt: 'mine', seed: 3, guidance: 5 }),
    );
    expect(removePreset(saved, 'Bold')).toEqual([]);
    expect(savePreset([], '  ', settings())).toEqual([]);
  });

  it('come back from storage, what is broken left out', () => {
    const saved = savePreset([], 'Bold', settings({ guidance: 9 }));
    expect(presetsFrom(JSON.parse(JSON.stringify(saved)), base)).toEqual(saved);
    expect(presetsFrom([null, 5, { name: 'x' }, { name: 'y', settings: { guidance: 'no' } }], base)).toMatchObject([
      { name: 'y', settings: { guidance: base.guidance } },
    ]);
    expect(presetsFrom('no', base)).toEqual([]);
  });
});

it('tells the time that is left from the iterations that are done', () => {
  let pace = NO_PACE;
  expect(remaining(pace, 5)).toBeUndefined();
  for (const now of [0, 1000, 2000]) pace = paceAfter(pace, now);
  expect(remaining(pace, 5)).toBeCloseTo(5000);
  expect([200, 59_000, 61_000, 3_723_000].map(clock)).toEqual(['1 s', '59 s', '1:01', '1:02:03']);
});

it('says bytes in three digits', () => {
  expect([0, 812, 1400, 999_600, 29_873_000, 5.1e9].map(bytesText)).toEqual([
    '0 bytes',
    '812 bytes',
    '1.4 kB',
    '1.0 MB',
    '29.9 MB',
    '5.1 GB',
  ]);
});

it('says what is wrong in plain words', () => {
  expect(problemOf(new FileError('x.pth: must be a checkpoint but is a cat: take another'))).toEqual({
    title: 'This file cannot be used',
    text: 'X.pth: must be a checkpoint but is a cat: take another.',
  });
  const full = new GpuError('out-of-memory', 'weights', '[weights] this needs 5.1 GB but 4.0 GB are allowed');
  expect(problemOf(full)).toMatchObject({ title: 'Not enough GPU memory', text: expect.stringContaining('5.1 GB') });
  expect(problemOf('odd').text).toBe('Odd.');
  expect(problemOf(undefined).text).toBe('Undefined.');
});

it('zooms about the pointer and never shows a gap', () => {
  const frame = [200, 100] as const;
  const close = zoomed(WHOLE, 4, [50, 50], frame);
  expect(toPicture(close, [50, 50], frame)).toEqual([0.25, 0.5]);
  const [left, top] = toPicture(panned(close, [9999, 9999], frame), [0, 0], frame);
  expect([left, top].map(Math.abs)).toEqual([0, 0]);
  expect(zoomed(close, 1 / 100, [0, 0], frame).zoom).toBe(1);
});

describe('a result of the kernels', () => {
  const row = { op: 'linear', shape: '64×64', ms: 2, call: 3, gflops: 10, gbps: 5, variant: 'linear' };
  const mine = { adapter: 'mine', rows: [row], versions: {} };

  it('comes back from its text and lies beside another', () => {
    expect(parseBench(benchText(mine))).toEqual(mine);
    expect(timesFaster(row, { ...mine, rows: [{ ...row, ms: 5 }] })).toBe(2.5);
    expect(timesFaster(row, { ...mine, rows: [{ ...row, shape: '8×8' }] })).toBeUndefined();
    expect([0.0123, 3.456, 1234].map(timeText)).toEqual(['12 µs', '3.46 ms', '1.23 s']);
  });

  it('keeps the other engines, and tells the fastest by a call', () => {
    const beside = { ...row, peers: { tfjs: 9, 'jax-js': 6 }, failed: { 'onnxruntime-web': 'no such op' } };
    const all = { ...mine, rows: [beside], versions: { tfjs: '4.22.0', 'jax-js': '0.1.25' } };
    expect(parseBench(benchText(all))).toEqual(all);
    expect(fastestPeer(beside)).toEqual({ name: 'jax-js', times: 2 });
    expect(fastestPeer(row)).toBeUndefined();
    const odd = parseBench(benchText(mine).replace('"call"', '"peers": { "a": -1, "b": "x", "c": 2 }, "call"'));
    expect(odd).toMatchObject({ rows: [{ peers: { c: 2 } }] });
  });

  it('is also what npm run bench writes', () => {
    const node = { adapter: 'mine', calibration: { f32: 1 }, versions: { node: '20' }, rows: [row] };
    expect(parseBench(JSON.stringify(node))).toEqual({ adapter: 'mine', versions: { node: '20' }, rows: [row] });
  });

  it.each([
    '',
    '{}',
    '[]',
    'null',
    '{"overtone":2,"adapter":"x","rows":[]}',
    '{"overtone":1,"adapter":"x","rows":[{"op":"a","ms":-1}]}',
  ])('that is none is refused: %s', (text) => expect(parseBench(text)).toBeTypeOf('string'));
});
