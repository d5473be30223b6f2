/**
 * Two records side by side. The speed of a row is its share of the rate that was measured beside it, so a slower clock or a busier machine is
 * no regression.
 */
import type { BenchRecord, Row } from './record.ts';
import { digits, table } from '../node/cli/columns.ts';

export interface Compared {
  readonly what: string;
  readonly before: number;
  readonly now: number;
  /** Above 1: faster than before. */
  readonly speed: number;
}

/** Rows that both have, slowest first. */
export function compareRecords(before: BenchRecord, now: BenchRecord): Compared[] {
  const key = ({ op, shape }: Row) => `${op} ${shape}`;
  const old = new Map(before.rows.map((row) => [key(row), row]));
  return now.rows
    .flatMap((row): Compared[] => {
      const then = old.get(key(row));
      return then ? [{ what: key(row), before: then.ms, now: row.ms, speed: row.share / then.share }] : [];
    })
    .sort((a, b) => a.speed - b.speed);
}

/** Those slower than `bound` times what they were. */
export const slower = (rows: readonly Compared[], bound: number): Compared[] => rows.filter((row) => row.speed < bound);

export const comparisonTable = (rows: readonly Compared[]): string =>
  table(rows, [
    { head: 'op and shape', align: 'left', text: (r) => r.what },
    { head: 'before ms', text: (r) => digits(r.before) },
    { head: 'now ms', text: (r) => digits(r.now) },
    { head: 'speed', text: (r) => `${digits(r.speed)}×` },
  ]);
