/** Measures ops: rounds in which we, the adapter's own rate and every peer take turns, so that what disturbs one disturbs all. */
import type { Device, Timer } from '../src/engine/index.ts';
import { boundOf } from './bound.ts';
import type { Calibrated } from './calibrate.ts';
import type { TimedCase } from './cases.ts';
import { type OurCase, prepareOurs } from './our_case.ts';
import type { PeerName, PeerProcess } from './peer.ts';
import type { Row } from './record.ts';
import { best, difference, median } from './stats.ts';
import { Variants } from './variants.ts';

export interface OpSettings {
  /** Milliseconds that the rounds of one shape should take at most, and that one answer of a peer may take. */
  readonly budget: number;
  readonly patience: number;
  /** Times the other variants of the op's choices, too. */
  readonly variants?: boolean;
}

export interface Bench {
  readonly device: Device;
  readonly timer: Timer;
  readonly calibrated: Calibrated;
  readonly peers: readonly PeerProcess[];
}

/** Milliseconds of device time in one measurement, so that clocks and submits do not show. */
const STRETCH = 20;
const MOST_ROUNDS = 15;
const LEAST_ROUNDS = 3;
/** Results further apart than this are not of the same op. */
const AGREEMENT = 1e-3;

export async function measureOp(bench: Bench, { op, test }: TimedCase, settings: OpSettings): Promise<Row> {
  const { device, timer, calibrated } = bench;
  const ours = await prepareOurs(device, timer, test);
  const peers: Record<string, number[]> = {};
  const failed: Record<string, string> = {};
  let others: Variants | undefined;
  try {
    const { calibration } = calibrated;
    const memory = calibration.kernelCopy;
    const { bound } = boundOf(ours.work, { ...calibration, bandwidth: memory });
    for (const peer of bench.peers) {
      const said = await preparePeer(peer, op, test.name, ours, settings.patience);
      if (typeof said === 'string') failed[peer.name] = said;
      else peers[peer.name] = [];
    }
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
      for (const peer of bench.peers) {
        const times = peers[peer.name];
        // a slow peer has had its say after three rounds
        if (!times || (times.length >= LEAST_ROUNDS && median(times) > settings.budget / 4)) continue;
        const reply = await peer.ask({ do: 'run' }, settings.patience);
        if (reply.ms !== undefined) times.push(reply.ms);
        else {
          failed[peer.name] = reply.error!;
          delete peers[peer.name];
        }
      }
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
      peers: Object.fromEntries(Object.entries(peers).map(([name, times]) => [name, median(times)])),
      failed,
    };
  } finally {
    for (const peer of bench.peers) if (peers[peer.name]) await peer.ask({ do: 'dispose' }, settings.patience);
    others?.destroy();
    ours.destroy();
  }
}

/** Undefined when the peer is ready and agrees with us, otherwise why it takes no part. */
async function preparePeer(
  peer: PeerProcess,
  op: string,
  name: string,
  ours: OurCase,
  patience: number,
): Promise<string | undefined> {
  const reply = await peer.ask({ do: 'prepare', op, name }, patience);
  if (reply.error !== undefined) return reply.error;
  const apart = difference(reply.sample!, ours.sample);
  return apart <= AGREEMENT ? undefined : `its result differs by ${apart.toExponential(0)}`;
}

/** Versions of the peers that have answered. */
export const peerVersions = (peers: readonly PeerProcess[]): Record<string, string> =>
  Object.fromEntries(peers.flatMap(({ name, version }): [PeerName, string][] => (version ? [[name, version]] : [])));
