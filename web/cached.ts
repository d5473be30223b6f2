/** The models that this origin has downloaded: looked at, verified, deleted. */
import { type CachedModel, browserHost, deleteIn, ensureIn, isCachedIn, listCached, verifyIn } from './cache.ts';
import { canWrite } from './download/opfs.ts';
import type { OpenFilesOptions } from './files.ts';
import { inOwnWorker } from './own_worker.ts';
import { absolute } from './source.ts';

/** Whether all of the folder at `url` is stored and was verified, so that it opens without the network. */
export const isCached = async (url: string): Promise<boolean> => isCachedIn(browserHost(), absolute(url));

/** Every downloaded model, whole or not. */
export const cachedModels = (): Promise<CachedModel[]> => listCached(browserHost());

/** Deletes a downloaded model. @throws StorageError while a tab uses it. */
export const deleteCached = async (url: string): Promise<void> => deleteIn(browserHost(), absolute(url));

/** Chunks that were read again, and how many of them were not as they must be. */
export interface Verified {
  readonly chunks: number;
  readonly damaged: number;
}

/**
 * Reads all of a downloaded model again; damaged chunks are forgotten, and fetched when the model is repaired or next opened.
 * @throws StorageError when it is not stored or in use, AbortError.
 */
export async function verifyCached(url: string, options: OpenFilesOptions = {}): Promise<Verified> {
  const at = absolute(url);
  return canWrite() ? verifyIn(browserHost(), at, options) : inOwnWorker('verify', { url: at }, options);
}

/** Downloads what is missing of a model without opening it: ahead of time, or to repair it. @throws as `openModel`. */
export const download = async (url: string, options: OpenFilesOptions = {}): Promise<void> =>
  ensure(absolute(url), options);

/** Brings what is at an address, as `absolute` gives it, into the store: in this worker or, from a page, in one for the time of it. */
export const ensure = (url: string, options: OpenFilesOptions): Promise<void> =>
  canWrite() ? ensureIn(browserHost(), url, options) : inOwnWorker('ensure', { url }, options);
