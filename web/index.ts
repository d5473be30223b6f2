/** Overtone in a page: WebGPU of the browser, Harmon from the package, from disk or from a URL, in a worker or directly. */
export type { CachedModel } from './cache.ts';
export { type Verified, cachedModels, deleteCached, download, isCached, verifyCached } from './cached.ts';
export { type DeviceInfo, type MemoryUse, type WebDeviceOptions, openDevice } from './device.ts';
export { StorageError, WorkerError } from './errors.ts';
export type { OpenProgress } from './files.ts';
export { type OpenModelOptions, openModel } from './model.ts';
export type { Timings } from './phases.ts';
export type { Heartbeat } from './rpc/client.ts';
export type { ModelSource } from './source.ts';
export { type OpenInWorkerOptions, WorkerHarmon, type WorkerHarmonEvents, openModelInWorker } from './worker_harmon.ts';
