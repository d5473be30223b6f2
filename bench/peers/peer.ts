/** A peer: another engine, opened in a process or a worker of its own, and what is said between it and the benchmark. */
import type { Task } from './task.ts';

export const peerNames = ['onnxruntime-web', 'tfjs', 'jax-js'] as const;
export type PeerName = (typeof peerNames)[number];

export interface Peer {
  readonly version: string;
  /** Puts the operands on the device and makes the call, which waits for its result on the host, in the task's own layout. */
  prepare(task: Task): Promise<PreparedCall>;
}

export interface PreparedCall {
  run(): Promise<ArrayLike<number>>;
  destroy(): void;
}

export type PeerRequest =
  /** A case by its name; and what it is, for a peer that has no case lists. */
  | { readonly do: 'prepare'; readonly op: string; readonly name: string; readonly task?: Task }
  | { readonly do: 'run' }
  | { readonly do: 'dispose' };

export interface PeerReply {
  readonly version?: string;
  /** One call, read back, milliseconds. */
  readonly ms?: number;
  readonly sample?: readonly number[];
  /** What it refused with, in one line. */
  readonly error?: string;
}

/** A peer from the outside. */
export interface AskedPeer {
  readonly name: PeerName;
  readonly version: string | undefined;
  /** The reply within `limit` milliseconds, whose `error` says what went wrong. */
  ask(request: PeerRequest, limit: number): Promise<PeerReply>;
}
