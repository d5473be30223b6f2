/** Errors that only a page has, beside the engine's. */
import { OvertoneError } from '../src/engine/index.ts';

/** The worker that held the model is gone: it threw, hung, or was ended. Open the model again, or `restart` it. */
export class WorkerError extends OvertoneError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('worker', message, options);
  }
}

/** The browser's storage refused: no room, not allowed, or in use. */
export class StorageError extends OvertoneError {
  constructor(
    message: string,
    /** Bytes that are needed and free, where room is what lacks. */
    readonly room?: { readonly needed: number; readonly free: number },
    options?: { cause?: unknown },
  ) {
    super('storage', message, options);
  }
}
