/** The downloaded models: their list, and checking, repairing and deleting one; each with its progress and the way to stop. */
import { signal } from '@preact/signals';
import { AbortError } from '../../src/engine/index.ts';
import { type CachedModel, type OpenProgress, cachedModels, deleteCached, download, verifyCached } from '../index.ts';
import { attempt } from './archive_actions.ts';

export const cached = signal<readonly CachedModel[]>([]);
/** Bytes that the browser would still store; nothing where it does not say. */
export const room = signal<number | undefined>(undefined);

export interface ModelTask {
  readonly url: string;
  readonly stop: AbortController;
  readonly progress?: OpenProgress;
}

/** What is being done with a downloaded model. */
export const modelTask = signal<ModelTask | undefined>(undefined);
/** What came of it. */
export const modelWords = signal<Readonly<Record<string, string>>>({});

export async function refreshModels(): Promise<void> {
  const { quota, usage } = (await navigator.storage?.estimate?.().catch(() => undefined)) ?? {};
  room.value = quota === undefined || usage === undefined ? undefined : quota - usage;
  cached.value = await cachedModels().catch(() => []);
}

async function run(url: string, task: (options: TaskOptions) => Promise<string>): Promise<void> {
  if (modelTask.value) return;
  const stop = new AbortController();
  modelTask.value = { url, stop };
  const onProgress = (progress: OpenProgress) => (modelTask.value = { url, stop, progress });
  await attempt(async () => {
    const words = await task({ signal: stop.signal, onProgress }).catch((error: unknown) => {
      if (error instanceof AbortError) return 'Stopped.';
      throw error;
    });
    modelWords.value = { ...modelWords.value, [url]: words };
  });
  modelTask.value = undefined;
  await refreshModels();
}

interface TaskOptions {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: OpenProgress) => void;
}

/** Reads all of a model again and compares it with its list. */
export const checkModel = (url: string): Promise<void> =>
  run(url, async (options) => {
    const { chunks, damaged } = await verifyCached(url, options);
    return damaged === 0
      ? `All ${chunks} pieces are as they must be.`
      : `${damaged} of ${chunks} pieces are damaged: repair it.`;
  });

/** Downloads what is missing or damaged. */
export const repairModel = (url: string): Promise<void> =>
  run(url, async (options) => {
    await download(url, options);
    return 'All of it is here.';
  });

export const deleteModel = (url: string): Promise<void> =>
  run(url, async () => {
    await deleteCached(url);
    return '';
  });
