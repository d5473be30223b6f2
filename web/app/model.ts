/** The model of the page: opening it with progress, what is known of it when it is open, and the one place that knows the library. */
import { signal } from '@preact/signals';
import { type ModelSource, type OpenProgress, type WorkerHarmon, openModelInWorker } from '../index.ts';
import type { HarmonConfig } from '../../src/harmon/index.ts';
import type { ModelIdentity } from '../../src/harmon/record.ts';
import { type Problem, problemOf } from './logic/problem.ts';

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

/** The open model, if there is one. */
export const openedModel = (): OpenedModel | undefined =>
  model.value.state === 'ready' ? model.value.opened : undefined;

let opening = 0;

/** Opens another model in place of the one that is open, which gives its memory back first. */
export async function openModel(source: ModelSource): Promise<void> {
  const turn = ++opening;
  openedModel()?.harmon.destroy();
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
    const [identity, { description: adapter }] = await Promise.all([harmon.identity(), harmon.deviceInfo()]);
    harmon.on('died', (error) => failed(turn, source, error));
    model.value = { state: 'ready', opened: { harmon, source, config: harmon.config, identity, adapter } };
  } catch (error) {
    failed(turn, source, error);
  }
}

function failed(turn: number, source: ModelSource, error: unknown): void {
  if (turn === opening) model.value = { state: 'failed', problem: problemOf(error), source };
}
