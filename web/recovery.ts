/** What the worker does when its GPU device is lost: goes on with a fresh one, and tells the page what it is waiting for. */
import { type Harmon, LastingHarmon } from '../src/harmon/index.ts';
import { type WireError, toWire } from './rpc/errors.ts';
import type { LostEvent } from './worker_methods.ts';

/** The model is opened again, after a pause of some seconds where losses follow each other. */
export interface RecoveringEvent {
  readonly message: string;
  readonly pause: number;
}

export interface Emit {
  (event: 'lost', value: LostEvent): void;
  (event: 'recovering', value: RecoveringEvent): void;
  (event: 'recovered', value: undefined): void;
  (event: 'unrecovered', value: WireError): void;
}

export interface RecoveringModel {
  readonly lasting: LastingHarmon;
  /** Ends a pause before its time. */
  hurry(): void;
}

export function lastingModel(
  harmon: Harmon,
  { open, emit }: { readonly open: () => Promise<Harmon>; readonly emit: Emit },
): RecoveringModel {
  let wake: () => void = () => undefined;
  const lasting = new LastingHarmon(harmon, {
    open,
    now: () => performance.now(),
    sleep: (ms) =>
      new Promise((resolve) => {
        const timer = setTimeout(resolve, ms);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      }),
    onLoss: ({ error, pause }) => emit('recovering', { message: error.message, pause }),
    onOpen: () => emit('recovered', undefined),
    onGiveUp: (error) => emit('unrecovered', toWire(error)),
  });
  return { lasting, hurry: () => wake() };
}
