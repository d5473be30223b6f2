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
  /** One call of each other engine, milliseconds; and why others have none. */
  readonly peers?: Readonly<Record<string, number>>;
  readonly failed?: Readonly<Record<string, string>>;
}

export interface BenchRecord {
  readonly adapter: string;
  readonly rows: readonly BenchRow[];
  /** Of the other engines that took part. */
  readonly versions: Readonly<Record<string, string>>;
}

/** What the page asks of the benchmark's worker. */
export interface BenchRequest {
  /** Times the other engines beside ours. */
  readonly peers: boolean;
}

/** What the benchmark's worker tells the page. */
export type BenchMessage =
  | { readonly kind: 'adapter'; readonly adapter: string; readonly ops: number }
  | { readonly kind: 'row'; readonly row: BenchRow; readonly versions: BenchRecord['versions'] }
  | { readonly kind: 'failed'; readonly op: string; readonly why: string }
  | { readonly kind: 'end' }
  | { readonly kind: 'error'; readonly message: string };

const VERSION = 1;
const LONGEST = 1_000_000;
const MOST_ROWS = 1000;
const MOST_PEERS = 8;

export const benchText = ({ adapter, versions, rows }: BenchRecord): string =>
  JSON.stringify({ overtone: VERSION, adapter, versions, rows }, null, 1);

/** Reads what `benchText` wrote, or what `npm run bench -- --json` did. Gives a sentence for what is neither. */
export function parseBench(text: string): BenchRecord | string {
  if (text.length > LONGEST) return `A result has at most ${bytesText(LONGEST)}.`;
  const refused = 'This is no result of the kernels’ benchmark: copy all of one.';
  try {
    const { overtone, calibration, adapter, versions, rows } = JSON.parse(text) as Record<string, unknown>;
    const known = overtone === VERSION || typeof calibration === 'object';
    if (!known || typeof adapter !== 'string' || !Array.isArray(rows)) return refused;
    const read = rows.slice(0, MOST_ROWS).flatMap(rowOf);
    if (read.length === 0) return refused;
    return { adapter: adapter.slice(0, 200), rows: read, versions: few(versions, isText) };
  } catch {
    return refused;
  }
}

const isText = (value: unknown): value is string => typeof value === 'string' && value.length <= 300;
const isTime = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value) && value > 0;

/** The first entries of what may be a table. */
const few = <T>(table: unknown, good: (value: unknown) => value is T): Record<string, T> =>
  Object.fromEntries(
    Object.entries(table ?? {})
      .filter((entry): entry is [string, T] => good(entry[1]))
      .slice(0, MOST_PEERS),
  );

function rowOf(item: unknown): BenchRow[] {
  const row = (item ?? {}) as Record<string, unknown>;
  const text = (key: string) => (typeof row[key] === 'string' ? row[key].slice(0, 300) : '');
  const number = (key: string) => (typeof row[key] === 'number' && Number.isFinite(row[key]) ? row[key] : NaN);
  const [op, ms] = [text('op'), number('ms')];
  if (op === '' || !(ms > 0)) return [];
  const [call, gflops, gbps] = ['call', 'gflops', 'gbps'].map(number);
  const peers = row.peers ? { peers: few(row.peers, isTime), failed: few(row.failed, isText) } : {};
  return [{ op, shape: text('shape'), ms, call, gflops, gbps, variant: text('variant'), ...peers }];
}

/** The fastest other engine at this op, and how many times longer its call takes than ours; undefined without any. */
export function fastestPeer({ peers, call }: BenchRow): { readonly name: string; readonly times: number } | undefined {
  const [first] = Object.entries(peers ?? {}).sort(([, a], [, b]) => a - b);
  return first && { name: first[0], times: first[1] / call };
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
