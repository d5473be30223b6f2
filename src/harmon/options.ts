/** Options of the public calls as they come from callers without types: names that there are not, and values in messages. */
import { ArgumentError } from '../engine/index.ts';
import { shownJson } from './shown_json.ts';

/** Throws unless `options` is an object, and for an option that is set and not `known`, naming the nearest one that is. */
export function checkKeys(task: string, options: unknown, known: Readonly<Record<string, true>>): void {
  if (typeof options !== 'object' || options === null)
    throw new ArgumentError(`[${task}] options must be an object but are ${shown(options)}`);
  for (const [key, value] of Object.entries(options)) {
    if (value === undefined || Object.hasOwn(known, key)) continue;
    const near = nearest(key, Object.keys(known));
    const cure = near === undefined ? `there are ${Object.keys(known).join(', ')}` : `did you mean ${near}?`;
    throw new ArgumentError(`[${task}] an option must have a name that is known but is ${shownJson(key, 60)}: ${cure}`);
  }
}

/** A value in a message, its kind said where it looks like another one. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return `the text ${shownJson(value, 60)}`;
  return typeof value === 'object' && value !== null ? shownJson(value, 60) : String(value);
}

/** The word that is fewest letters away, if it is alike at all. */
function nearest(word: string, words: readonly string[]): string | undefined {
  if (word.length > 40) return undefined;
  const [[best, letters]] = words
    .map((other) => [other, distance(word.toLowerCase(), other.toLowerCase())] as const)
    .sort(([, a], [, b]) => a - b);
  return letters <= Math.max(1, best.length / 3) ? best : undefined;
}

/** Letters to add, drop or exchange, or to swap with their neighbour, from `a` to `b`. */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      row[j] = Math.min(rows[i - 1][j] + 1, row[j - 1] + 1, rows[i - 1][j - 1] + (same ? 0 : 1));
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) row[j] = Math.min(row[j], rows[i - 2][j - 2] + 1);
    }
    rows.push(row);
  }
  return rows[a.length][b.length];
}
