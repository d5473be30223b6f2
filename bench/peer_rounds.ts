/** The peers' side of one op: who takes part, their turns in our rounds, and why somebody has no time. */
import type { AskedPeer, PeerRequest } from './peers/peer.ts';
import { difference, median } from './stats.ts';

/** Rounds that everybody has. */
export const LEAST_ROUNDS = 3;
/** Results further apart than this are not of the same op. */
const AGREEMENT = 1e-3;

export interface PeerSettings {
  /** Milliseconds that the rounds of one shape should take at most, and that one answer of a peer may take. */
  readonly budget: number;
  readonly patience: number;
}

export interface PeerTimes {
  /** Median of one call until its result is on the host, milliseconds. */
  readonly peers: Readonly<Record<string, number>>;
  readonly failed: Readonly<Record<string, string>>;
}

export class PeerRounds {
  private readonly times = new Map<AskedPeer, number[]>();
  private readonly failed: Record<string, string> = {};

  private constructor(private readonly settings: PeerSettings) {}

  /** Asks each peer to prepare; one takes part when its result is `sample`, ours. */
  static async prepare(
    peers: readonly AskedPeer[],
    request: PeerRequest,
    sample: readonly number[],
    settings: PeerSettings,
  ): Promise<PeerRounds> {
    const rounds = new PeerRounds(settings);
    for (const peer of peers) {
      const reply = await peer.ask(request, settings.patience);
      const apart = reply.error === undefined ? difference(reply.sample!, sample) : 0;
      if (reply.error !== undefined) rounds.failed[peer.name] = reply.error;
      else if (!(apart <= AGREEMENT)) rounds.failed[peer.name] = `its result differs by ${apart.toExponential(0)}`;
      else rounds.times.set(peer, []);
    }
    return rounds;
  }

  /** One turn of each. */
  async round(): Promise<void> {
    const { budget, patience } = this.settings;
    for (const [peer, times] of this.times) {
      // a slow peer has had its say after three rounds
      if (times.length >= LEAST_ROUNDS && median(times) > budget / 4) continue;
      const reply = await peer.ask({ do: 'run' }, patience);
      if (reply.ms !== undefined) times.push(reply.ms);
      else {
        this.failed[peer.name] = reply.error!;
        this.times.delete(peer);
      }
    }
  }

  read(): PeerTimes {
    const peers = Object.fromEntries([...this.times].map(([{ name }, times]) => [name, median(times)]));
    return { peers, failed: this.failed };
  }

  async dispose(): Promise<void> {
    for (const peer of this.times.keys()) await peer.ask({ do: 'dispose' }, this.settings.patience);
  }
}

/** Versions of the peers that have answered. */
export const peerVersions = (peers: readonly AskedPeer[]): Record<string, string> =>
  Object.fromEntries(peers.flatMap(({ name, version }) => (version ? [[name, version]] : [])));
