/** The package's worker, and single calls to one for what only workers may do. */
import { WorkerError } from './errors.ts';
import type { OpenFilesOptions, OpenProgress } from './files.ts';
import { Client } from './rpc/client.ts';

/** A new worker of the package; a bundler finds its file by this line. */
export const ownWorker = (): Worker =>
  new Worker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'overtone' });

/** Calls back when a worker ends by itself. */
export function whenDead(worker: Worker, tell: (error: WorkerError) => void): void {
  worker.onerror = (event) =>
    tell(
      new WorkerError(
        `[worker] the worker must keep running but ended: ${event.message || 'its file did not load'}: restart it`,
      ),
    );
  worker.onmessageerror = () => tell(new WorkerError('[worker] a message must be readable but is not: restart it'));
}

/** One call to a worker that lives as long as it. */
export async function inOwnWorker<T>(method: string, args: unknown, options: OpenFilesOptions = {}): Promise<T> {
  const worker = ownWorker();
  const client = new Client(worker);
  whenDead(worker, (error) => client.fail(error));
  try {
    const onItem = (progress: OpenProgress) => options.onProgress?.(progress);
    return await client.call<T>(method, args, { signal: options.signal, onItem });
  } finally {
    worker.terminate();
  }
}
