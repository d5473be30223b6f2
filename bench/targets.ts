/** What the kernels are meant to reach on the software adapters that every change is measured on, and how far the worst size of each is from it. */
import { type BenchRecord, type Row, fastestPeer } from './record.ts';

type Measure = 'of f32 rate' | 'of kernel copy' | 'GB/s' | 'times the fastest peer';

interface Target {
  readonly what: string;
  readonly rows: (row: Row) => boolean;
  readonly least: Partial<Record<Measure, number>>;
}

export interface Verdict {
  readonly what: string;
  readonly measure: Measure;
  readonly least: number;
  /** The worst row that has this measure. */
  readonly worst: number;
  readonly shape: string;
  readonly met: boolean;
}

const linear = (least: number, most: number, dtype: string) => (row: Row) => {
  const [rows, width, depth] = row.shape.split('×').map((size) => parseInt(size));
  // of one row, a weight that takes longer to read than to launch its kernel
  const has = rows >= least && rows <= most && width >= 512 && (rows > 1 || width * depth >= 2 ** 20);
  return row.op === 'linear' && has && row.shape.includes(dtype);
};

const conv = (least: number, most: number, dtype: string) => (row: Row) => {
  const [, from, to] = /^3×3 (\d+)→(\d+) /.exec(row.shape) ?? [];
  const channels = Math.min(Number(from), Number(to));
  const alone = row.shape.includes(` ${dtype} `) && !row.shape.includes(' norm ');
  return row.op === 'conv2d' && channels >= least && channels <= most && alone;
};

const prefill = ({ op, shape }: Row) => op === 'attention' && Number(/^\d+×(\d+)×/.exec(shape)?.[1]) > 1;

const MEMORY = ['add', 'silu', 'gelu', 'silu_mul', 'gated_add', 'outer_add', 'layer_norm', 'rms_norm', 'group_norm'];
const memory = ({ op, bound }: Row) => MEMORY.includes(op) && bound !== 'launch';

const target = (what: string, rows: Target['rows'], share: number, ratio: number): Target => ({
  what,
  rows,
  least: { 'of f32 rate': share, 'times the fastest peer': ratio },
});

const lavapipe: readonly Target[] = [
  target('linear, 320 rows and more, f32', linear(320, Infinity, 'f32'), 0.45, 7),
  target('linear, 320 rows and more, bf16', linear(320, Infinity, 'bf16'), 0.5, 8),
  target('linear, 32 rows, f32', linear(32, 32, 'f32'), 0.35, 5),
  target('linear, 32 rows, bf16', linear(32, 32, 'bf16'), 0.3, 5),
  target('linear, 8 rows, f32', linear(8, 8, 'f32'), 0.12, 2),
  target('linear, 8 rows, bf16', linear(8, 8, 'bf16'), 0.18, 2),
  { what: 'linear, one row, f32', rows: linear(1, 1, 'f32'), least: { 'GB/s': 12, 'times the fastest peer': 1.7 } },
  { what: 'linear, one row, bf16', rows: linear(1, 1, 'bf16'), least: { 'GB/s': 10, 'times the fastest peer': 3 } },
  target('conv 3×3, 128 channels and more, f32', conv(128, Infinity, 'f32'), 0.45, 7),
  target('conv 3×3, 128 channels and more, bf16', conv(128, Infinity, 'bf16'), 0.48, 8),
  target('conv 3×3, 32 channels', conv(32, 32, 'f32'), 0.4, 7),
  target('attention, prefill', prefill, 0.28, 7),
  { what: 'norms and element by element', rows: memory, least: { 'of kernel copy': 0.6, 'times the fastest peer': 1 } },
];

const swiftshader: readonly Target[] = [
  target('linear, 32 rows and more', linear(32, Infinity, ''), 0.09, 2),
  { what: 'every op', rows: () => true, least: { 'times the fastest peer': 1 } },
];

/** How each target fares that the record has rows for; none on adapters without targets. */
export function verdicts(record: BenchRecord): Verdict[] {
  const targets = /llvmpipe/i.test(record.adapter) ? lavapipe : /swiftshader/i.test(record.adapter) ? swiftshader : [];
  return targets.flatMap(({ what, rows, least }) => {
    const own = record.rows.filter(rows);
    return (Object.entries(least) as [Measure, number][]).flatMap(([measure, at]): Verdict[] => {
      const measured = own.flatMap((row) => {
        const value = measureOf(measure, row, record);
        return value === undefined ? [] : [{ value, shape: `${row.op} ${row.shape}` }];
      });
      if (measured.length === 0) return [];
      const worst = measured.reduce((a, b) => (b.value < a.value ? b : a));
      return [{ what, measure, least: at, worst: worst.value, shape: worst.shape, met: worst.value >= at }];
    });
  });
}

function measureOf(measure: Measure, row: Row, { calibration }: BenchRecord): number | undefined {
  if (measure === 'GB/s') return row.gbps;
  if (measure === 'of f32 rate') return row.bound === 'compute' ? row.share : row.gflops / calibration.f32;
  if (measure === 'of kernel copy') return row.bound === 'memory' ? row.share : row.gbps / calibration.kernelCopy;
  const peer = fastestPeer(row);
  return peer && peer.ms / row.call;
}
