/** A result of the kernels' benchmark as text, read back from anywhere, and two of them beside each other. */
import { bytesText } from './bytes_text.ts';

/** One op at one shape of the model, milliseconds: on the device, and one call until its result is on the host. */
export interface BenchRow {
  readonly op: string;
  readonly shape: string;
  readonly ms: number;
  readonly call: number;
  readonly gflops: number;
  readonly gbps: number;
  readonly variant: string;
}

export interface BenchRecord {
  readonly adapter: string;
  readonly rows: readonly BenchRow[];
}

/** What the benchmark's worker tells the page. */
export type BenchMessage =
  | { readonly kind: 'adapter'; readonly adapter: string; readonly ops: number }
  | { readonly kind: 'row'; readonly row: BenchRow }
  | { readonly kind: 'failed'; readonly op: string; readonly why: string }
  | { readonly kind: 'end' }
  | { readonly kind: 'error'; readonly message: string };

const VERSION = 1;
const LONGEST = 200_000;
const MOST_ROWS = 1000;

export const benchText = ({ adapter, rows }: BenchRecord): string =>
  JSON.stringify({ overtone: VERSION, adapter, rows }, null, 1);

/** Reads what `benchText` wrote. Gives a sentence for what is none. */
export function parseBench(text: string): BenchRecord | string {
  if (text.length > LONGEST) return `A result has at most ${bytesText(LONGEST)}.`;
  const refused = 'This is no result of the kernels’ benchmark: copy all of one.';
  try {
    const { overtone, adapter, rows } = JSON.parse(text) as Record<string, unknown>;
    if (overtone !== VERSION || typeof adapter !== 'string' || !Array.isArray(rows)) return refused;
    const read = rows.slice(0, MOST_ROWS).flatMap(rowOf);
    return read.length > 0 ? { adapter: adapter.slice(0, 200), rows: read } : refused;
  } catch {
    return refused;
  }
}

function rowOf(item: unknown): BenchRow[] {
  const row = (item ?? {}) as Record<string, unknown>;
  const text = (key: string) => (typeof row[key] === 'string' ? row[key].slice(0, 300) : '');
  const number = (key: string) => (typeof row[key] === 'number' && Number.isFinite(row[key]) ? row[key] : NaN);
  const [op, ms] = [text('op'), number('ms')];
  if (op === '' || !(ms > 0)) return [];
  const [call, gflops, gbps] = ['call', 'gflops', 'gbps'].map(number);
  return [{ op, shape: text('shape'), ms, call, gflops, gbps, variant: text('variant') }];
}

/** How many times faster the first is than the second at the same op and shape. */
export function timesFaster(row: BenchRow, other: BenchRecord): number | undefined {
  const found = other.rows.find(({ op, shape }) => op === row.op && shape === row.shape);
  return found && found.ms / row.ms;
}

/** `812 µs`, `3.4 ms`, `1.2 s`. */
export function timeText(ms: number): string {
  if (ms < 1) return `${Math.round(ms * 1000)} µs`;
  return ms < 1000 ? `${ms.toPrecision(3)} ms` : `${(ms / 1000).toPrecision(3)} s`;
}
