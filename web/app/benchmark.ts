/** Runs the kernels' benchmark in a worker of its own, which is loaded when it is first asked for. It comes from the same host as the page. */
import { signal } from '@preact/signals';
import type { BenchMessage, BenchRecord, BenchRequest } from './logic/bench_record.ts';
import { sentence } from './logic/problem.ts';

export interface BenchState extends BenchRecord {
  readonly running: boolean;
  /** Ops in all, once they are known. */
  readonly total: number;
  readonly failed: readonly string[];
}

/** Whether the other engines are part of this build of the page. */
export const hasPeers = import.meta.env.OVERTONE_PEERS as boolean;

export const benchmark = signal<BenchState | undefined>(undefined);

let worker: Worker | undefined;

export function startBenchmark(request: BenchRequest): void {
  stopBenchmark();
  benchmark.value = { running: true, adapter: '', rows: [], versions: {}, total: 0, failed: [] };
  worker = new Worker(new URL('../../bench/page/worker.ts', import.meta.url), { type: 'module', name: 'benchmark' });
  worker.onmessage = ({ data }: MessageEvent<BenchMessage>) => take(data);
  worker.onerror = ({ message }) => take({ kind: 'error', message: message || 'the worker did not start' });
  worker.postMessage(request);
}

/** Ends it; what is measured stays. */
export function stopBenchmark(): void {
  worker?.terminate();
  worker = undefined;
  if (benchmark.value) benchmark.value = { ...benchmark.value, running: false };
}

function take(message: BenchMessage): void {
  const now = benchmark.value;
  if (!now) return;
  const fail = (why: string) => (benchmark.value = { ...now, failed: [...now.failed, sentence(why.slice(0, 300))] });
  if (message.kind === 'adapter') benchmark.value = { ...now, adapter: message.adapter, total: message.ops };
  else if (message.kind === 'row')
    benchmark.value = { ...now, rows: [...now.rows, message.row], versions: message.versions };
  else if (message.kind === 'failed') fail(`${message.op}: ${message.why}`);
  else {
    if (message.kind === 'error') fail(message.message);
    stopBenchmark();
  }
}
