/** The arithmetic behind the figures. */
import { expect, it } from 'vitest';
import { boundOf } from '../../../bench/bound.ts';
import { compareRecords, comparisonTable, slower } from '../../../bench/compare.ts';
import { fastestPeer } from '../../../bench/record.ts';
import { sampled } from '../../../bench/sample.ts';
import { best, difference, median } from '../../../bench/stats.ts';
import { record, row } from './records.ts';

it('takes the middle, whatever the order', () => {
  expect(median([9, 1, 5])).toBe(5);
  expect(median([100, 2, 4, 1])).toBe(3);
  expect(median([])).toBeNaN();
  expect(best([3, 2, 7])).toBe(2);
});

it('measures how far apart two results are', () => {
  expect(difference([1, 2, 2], [1, 2, 2])).toBe(0);
  expect(difference([3.3], [3])).toBeCloseTo(0.1);
  expect(difference([1], [1, 2])).toBe(Infinity);
  expect(difference([NaN], [1])).toBe(Infinity);
  expect(difference([0.5, 0], [0, 0])).toBe(0.5);
});

it('samples first and last element, and short results whole', () => {
  const long = sampled(Float32Array.from({ length: 5000 }, (_, i) => i));
  expect([long.length, long[0], long[1023]]).toEqual([1024, 0, 4999]);
  expect(sampled([7, 8])).toEqual([7, 8]);
  expect(sampled([7])).toEqual([7]);
});

it('names the limit that takes longest', () => {
  const rates = { f32: 100, bandwidth: 10, dispatch: 50 };
  expect(boundOf({ flops: 1e9, bytes: 1e6, dispatches: 1 }, rates)).toEqual({ bound: 'compute', ms: 10 });
  expect(boundOf({ flops: 1e6, bytes: 1e8, dispatches: 1 }, rates)).toEqual({ bound: 'memory', ms: 10 });
  expect(boundOf({ flops: 10, bytes: 10, dispatches: 4 }, rates)).toEqual({ bound: 'launch', ms: 0.2 });
});

it('finds the fastest peer', () => {
  expect(fastestPeer(row({ peers: { a: 4, b: 3 } }))).toEqual({ name: 'b', ms: 3 });
  expect(fastestPeer(row())).toBeUndefined();
});

it('compares the rows that both records have, by share, slowest first', () => {
  const before = record({ rows: [row(), row({ op: 'add', share: 0.8, ms: 1 }), row({ op: 'gone' })] });
  const now = record({
    rows: [row({ share: 0.75, ms: 3 }), row({ op: 'add', share: 0.4, ms: 1 }), row({ op: 'new' })],
  });
  const rows = compareRecords(before, now);
  expect(rows).toEqual([
    { what: 'add 32×64×64 bf16', before: 1, now: 1, speed: 0.5 },
    { what: 'linear 32×64×64 bf16', before: 2, now: 3, speed: 1.5 },
  ]);
  expect(slower(rows, 0.9).map((r) => r.what)).toEqual(['add 32×64×64 bf16']);
  expect(slower(rows, 0.5)).toEqual([]);
  expect(comparisonTable(rows).split('\n')[1]).toMatch(/^add 32×64×64 bf16 +1 +1 +0\.5×$/);
});
