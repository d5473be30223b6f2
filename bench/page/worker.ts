/** The kernels timed in the browser, in a worker of their own: one shape of each op from the case lists of the tests. */
import { Timer } from '../../src/engine/index.ts';
import type { CaseList } from '../../tests/support/case.ts';
import type { BenchMessage } from '../../web/app/logic/bench_record.ts';
import { openDevice } from '../../web/device.ts';
import { prepareOurs } from '../our_case.ts';
import { median } from '../stats.ts';

const files = import.meta.glob<{ list: CaseList }>('../../tests/cases/*.ts', { eager: true });
const post = (message: BenchMessage) => postMessage(message);

/** Milliseconds of one measurement, so that the clock's steps do not show. */
const STRETCH = 40;
const ROUNDS = 3;

async function run(): Promise<void> {
  const device = await openDevice({ features: ['timestamp-query'] });
  const timer = await Timer.create(device);
  const all = Object.values(files).flatMap(({ list }) =>
    list.cases.filter((test) => test.timed).map((test) => ({ op: test.op ?? list.op, test })),
  );
  const timed = all.filter(({ op }, i) => all.findIndex((other) => other.op === op) === i);
  post({ kind: 'adapter', adapter: device.description, ops: timed.length });
  for (const { op, test } of timed)
    try {
      const ours = await prepareOurs(device, timer, test);
      try {
        const runs = Math.max(1, Math.min(50, Math.ceil(STRETCH / (await ours.time(1)))));
        const [times, calls]: [number[], number[]] = [[], []];
        for (let round = 0; round < ROUNDS; round++) {
          times.push(await ours.time(runs));
          calls.push(await ours.call());
        }
        const ms = median(times);
        const shape = test.name.startsWith(`${op} `) ? test.name.slice(op.length + 1) : test.name;
        const { flops, bytes } = ours.work;
        const rates = { gflops: flops / ms / 1e6, gbps: bytes / ms / 1e6 };
        post({ kind: 'row', row: { op, shape, ms, call: median(calls), ...rates, variant: ours.variant } });
      } finally {
        ours.destroy();
      }
    } catch (error) {
      post({ kind: 'failed', op, why: error instanceof Error ? error.message : String(error) });
    }
  timer.destroy();
  device.destroy();
  post({ kind: 'end' });
}

run().catch((error: unknown) =>
  post({ kind: 'error', message: error instanceof Error ? error.message : String(error) }),
);
