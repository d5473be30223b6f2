/** Measures ops: rounds in which we, the adapter's own rate and every peer take turns, so that what disturbs one disturbs all. */
import type { Device, Timer } from '../src/engine/index.ts';
import { boundOf } from './bound.ts';
import type { Calibrated } from './calibrate.ts';
import type { TimedCase } from './cases.ts';
import { type OurCase, prepareOurs } from './our_case.ts';
import { LEAST_ROUNDS, PeerRounds, type PeerSettings } from './peer_rounds.ts';
import type { AskedPeer } from './peers/peer.ts';
import type { Row } from './record.ts';
import { best, median } from './stats.ts';
import { Variants } from './variants.ts';

export interface OpSettings extends PeerSettings {
  /** Times the other variants of the op's choices, too. */
  readonly variants?: boolean;
}

export interface Bench {
  readonly device: Device;
  readonly timer: Timer;
  readonly calibrated: Calibrated;
  readonly peers: readonly AskedPeer[];
}

/** Milliseconds of device time in one measurement, so that clocks and submits do not show. */
const STRETCH = 20;
const MOST_ROUNDS = 15;

export async function measureOp(bench: Bench, { op, test }: TimedCase, settings: OpSettings): Promise<Row> {
  const { device, timer, calibrated } = bench;
  const ours = await prepareOurs(device, timer, test);
  let peers: PeerRounds | undefined;
  let others: Variants | undefined;
  try {
    const { calibration } = calibrated;
    const memory = calibration.kernelCopy;
    const { bound } = boundOf(ours.work, { ...calibration, bandwidth: memory });
    peers = await PeerRounds.prepare(bench.peers, { do: 'prepare', op, name: test.name }, ours.sample, settings);
    const runsOf = async (own: OurCase) => Math.max(1, Math.min(100, Math.ceil(STRETCH / (await own.time(1)))));
    const runs = await runsOf(ours);
    if (settings.variants) others = await Variants.prepare(device, timer, test, ours, runsOf);
    const rounds: { ms: number; call: number; share: number }[] = [];
    const end = performance.now() + settings.budget;
    while (rounds.length < LEAST_ROUNDS || (rounds.length < MOST_ROUNDS && performance.now() < end)) {
      const rates = {
        f32: bound === 'compute' ? await calibrated.f32() : calibration.f32,
        bandwidth: bound === 'memory' ? await calibrated.bandwidth() : memory,
        dispatch: calibration.dispatch,
      };
      const ms = await ours.time(runs);
      const call = await ours.call();
      rounds.push({ ms, call, share: boundOf(ours.work, rates).ms / ms });
      await others?.round(rates);
      await peers.round();
    }
    const ms = median(rounds.map((r) => r.ms));
    return {
      op,
      shape: test.name.startsWith(`${op} `) ? test.name.slice(op.length + 1) : test.name,
      ms,
      best: best(rounds.map((r) => r.ms)),
      call: median(rounds.map((r) => r.call)),
      compile: ours.compile,
      gflops: ours.work.flops / ms / 1e6,
      gbps: ours.work.bytes / ms / 1e6,
      bound,
      share: median(rounds.map((r) => r.share)),
      variant: ours.variant,
      ...others?.read(),
      dispatches: ours.work.dispatches,
      ...peers.read(),
    };
  } finally {
    await peers?.dispose();
    others?.destroy();
    ours.destroy();
  }
}
