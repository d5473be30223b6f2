/** The model of the page: opening it with progress, what is known of it when it is open, and the one place that knows the library. */
import { signal } from '@preact/signals';
import { type ModelSource, type OpenProgress, type WorkerHarmon, openModelInWorker } from '../index.ts';
import { GpuError } from '../../src/engine/index.ts';
import type { HarmonConfig } from '../../src/harmon/index.ts';
import type { ModelIdentity } from '../../src/harmon/record.ts';
import { type Problem, problemOf } from './logic/problem.ts';
import { remembered } from './store/remembered.ts';

export interface OpenedModel {
  readonly harmon: WorkerHarmon;
  readonly source: ModelSource;
  readonly config: HarmonConfig;
  readonly identity: ModelIdentity;
  readonly adapter: string;
}

export type ModelState =
  | { readonly state: 'opening'; readonly progress?: OpenProgress; readonly cancel: () => void }
  | { readonly state: 'ready'; readonly opened: OpenedModel }
  | { readonly state: 'failed'; readonly problem: Problem; readonly source: ModelSource };

export const model = signal<ModelState>({ state: 'opening', cancel: () => undefined });

/** The model that the next visit opens: the embedded one or an address. Files from disk must be chosen again. */
export const lastModel = remembered('model', (stored) => (typeof stored === 'string' ? stored : 'embedded'));

/** The open model, if there is one. */
export const openedModel = (): OpenedModel | undefined =>
  model.value.state === 'ready' ? model.value.opened : undefined;

let opening = 0;
/** Of the model that was opened last, whatever became of it. */
let last: WorkerHarmon | undefined;

/** Opens another model in place of the one that is open, which gives its memory back first. */
export async function openModel(source: ModelSource): Promise<void> {
  const turn = ++opening;
  last?.destroy();
  last = undefined;
  const stop = new AbortController();
  const cancel = () => stop.abort();
  model.value = { state: 'opening', cancel };
  try {
    const harmon = await openModelInWorker(source, {
      signal: stop.signal,
      onProgress: (progress) => {
        if (turn === opening) model.value = { state: 'opening', progress, cancel };
      },
    });
    if (turn !== opening) return harmon.destroy();
    last = harmon;
    const [identity, { description: adapter }] = await Promise.all([harmon.identity(), harmon.deviceInfo()]);
    harmon.on('unrecovered', (error) => failed(turn, source, error));
    harmon.on('died', (error) => {
      if (turn !== opening) return;
      const isSecond = performance.now() - lastDeath < MINUTE;
      lastDeath = performance.now();
      if (isSecond) failed(turn, source, error);
      else void openModel(source);
    });
    lastModel.value = typeof source === 'string' ? source : 'embedded';
    model.value = { state: 'ready', opened: { harmon, source, config: harmon.config, identity, adapter } };
  } catch (error) {
    failed(turn, source, error);
  }
}

const MINUTE = 60_000;
/** A worker that dies is started again by itself; one that dies twice within a minute waits for a person. */
let lastDeath = -Infinity;

/** Whether an error says that there is no device any more. */
export const isGone = (error: unknown): boolean =>
  error instanceof GpuError && (error.kind === 'lost' || error.kind === 'no-adapter');

/** After a lost device: a fresh one in the same worker, with the weights from where they were. */
export async function reopenDevice({ harmon }: OpenedModel): Promise<void> {
  const now = model.value;
  if (now.state !== 'ready' || now.opened.harmon !== harmon) return;
  const turn = opening;
  model.value = { state: 'opening', cancel: () => harmon.destroy() };
  try {
    await harmon.reopen();
    if (turn === opening) model.value = now;
  } catch (error) {
    failed(turn, now.opened.source, error);
  }
}

function failed(turn: number, source: ModelSource, error: unknown): void {
  if (turn === opening) model.value = { state: 'failed', problem: problemOf(error), source };
}
