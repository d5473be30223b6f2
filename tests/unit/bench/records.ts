/** Records of benchmarks that nobody ran. */
import type { BenchRecord, Row } from '../../../bench/record.ts';

export const row = (changes: Partial<Row> = {}): Row => ({
  op: 'linear',
  shape: '32×64×64 bf16',
  ms: 2,
  best: 1.5,
  call: 4,
  compile: 120,
  gflops: 50,
  gbps: 2.5,
  bound: 'compute',
  share: 0.5,
  variant: 'linear: weight bf16',
  dispatches: 1,
  peers: {},
  failed: {},
  ...changes,
});

export const record = (changes: Partial<BenchRecord> = {}): BenchRecord => ({
  adapter: 'an adapter <of tests>',
  driver: 'a driver',
  machine: '2 × a processor',
  measured: '2026-01-02 03:04',
  versions: { overtone: '0.1.0' },
  clock: 'wall time',
  calibration: { f32: 100, copy: 10, kernelCopy: 8, dispatch: 20, submit: 0.1 },
  rows: [row()],
  phases: [],
  ...changes,
});
