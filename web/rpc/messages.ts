/**
 * What goes over a port. A call is answered once, by `value` or `error`; before that its server may send any number of items, and waits after
 * each that `waits` until the caller has taken it, so a slow reader slows the work instead of filling a queue.
 */
import type { WireError } from './errors.ts';

export type Request =
  | { readonly call: number; readonly method: string; readonly args: unknown }
  /** The item that waits is taken. */
  | { readonly taken: number }
  /** The caller wants no more; the answer still comes. */
  | { readonly stop: number }
  | { readonly ping: number };

export type Reply =
  | { readonly call: number; readonly item: unknown; readonly waits: boolean }
  | { readonly call: number; readonly value: unknown }
  | { readonly call: number; readonly error: WireError }
  | { readonly event: string; readonly value: unknown }
  | { readonly pong: number };

/** A MessagePort, a Worker, or the inside of one. */
export interface Port {
  postMessage(message: unknown, transfer: Transferable[]): void;
  onmessage: ((event: MessageEvent) => void) | null;
}

/** A result with what is moved instead of copied. */
export class Moved<T> {
  constructor(
    readonly value: T,
    readonly transfer: Transferable[],
  ) {}
}
