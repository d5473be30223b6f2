/**
 * The kernels timed in the browser, in a worker of their own: one shape of each op from the case lists of the tests; where it is asked for, beside
 * the other engines, each in a worker of its own.
 */
import { type Device, Timer } from '../../src/engine/index.ts';
import type { CaseList, OpCase } from '../../tests/support/case.ts';
import type { BenchMessage, BenchRequest, BenchRow } from '../../web/app/logic/bench_record.ts';
import { openDevice } from '../../web/device.ts';
import { prepareOurs } from '../our_case.ts';
import { LEAST_ROUNDS, PeerRounds, peerVersions } from '../peer_rounds.ts';
import { type AskedPeer, peerNames } from '../peers/peer.ts';
import { taskOf } from '../peers/task.ts';
import { median } from '../stats.ts';
import { PeerLink, type PeerPort } from './peer_link.ts';

const files = import.meta.glob<{ list: CaseList }>('../../tests/cases/*.ts', { eager: true });
const post = (message: BenchMessage) => postMessage(message);

/** Milliseconds of one measurement, so that the clock's steps do not show. */
const STRETCH = 40;
const MOST_ROUNDS = 15;
const SETTINGS = { budget: 2500, patience: 60_000 };

const startPeer = () =>
  new Worker(new URL('./peer_worker.ts', import.meta.url), { type: 'module', name: 'peer' }) as PeerPort;

async function run({ peers: withPeers }: BenchRequest): Promise<void> {
  const device = await openDevice({ features: ['timestamp-query'] });
  const timer = await Timer.create(device);
  const peers = withPeers ? peerNames.map((name) => new PeerLink(name, startPeer)) : [];
  const all = Object.values(files).flatMap(({ list }) =>
    list.cases.filter((test) => test.timed).map((test) => ({ op: test.op ?? list.op, test })),
  );
  const timed = all.filter(({ op }, i) => all.findIndex((other) => other.op === op) === i);
  post({ kind: 'adapter', adapter: device.description, ops: timed.length });
  for (const { op, test } of timed)
    try {
      const row = await measure(device, timer, peers, op, test);
      post({ kind: 'row', row, versions: peerVersions(peers) });
    } catch (error) {
      post({ kind: 'failed', op, why: error instanceof Error ? error.message : String(error) });
    }
  for (const peer of peers) peer.end();
  timer.destroy();
  device.destroy();
  post({ kind: 'end' });
}

/** Rounds in which we and each peer take turns, so that what disturbs one disturbs all. */
async function measure(
  device: Device,
  timer: Timer,
  asked: readonly AskedPeer[],
  op: string,
  test: OpCase,
): Promise<BenchRow> {
  const ours = await prepareOurs(device, timer, test);
  let peers: PeerRounds | undefined;
  try {
    if (asked.length > 0) {
      const request = { do: 'prepare', op, name: test.name, task: taskOf(test) } as const;
      peers = await PeerRounds.prepare(asked, request, ours.sample, SETTINGS);
    }
    const runs = Math.max(1, Math.min(50, Math.ceil(STRETCH / (await ours.time(1)))));
    const [times, calls]: [number[], number[]] = [[], []];
    const end = performance.now() + (asked.length > 0 ? SETTINGS.budget : 0);
    while (times.length < LEAST_ROUNDS || (times.length < MOST_ROUNDS && performance.now() < end)) {
      times.push(await ours.time(runs));
      calls.push(await ours.call());
      await peers?.round();
    }
    const ms = median(times);
    const shape = test.name.startsWith(`${op} `) ? test.name.slice(op.length + 1) : test.name;
    const { flops, bytes } = ours.work;
    const rates = { gflops: flops / ms / 1e6, gbps: bytes / ms / 1e6 };
    return { op, shape, ms, call: median(calls), ...rates, variant: ours.variant, ...peers?.read() };
  } finally {
    await peers?.dispose();
    ours.destroy();
  }
}

onmessage = ({ data }: MessageEvent<BenchRequest>) =>
  void run(data).catch((error: unknown) =>
    post({ kind: 'error', message: error instanceof Error ? error.message : String(error) }),
  );
