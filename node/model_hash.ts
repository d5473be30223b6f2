/** Which weights a model's files hold. */
import { webcrypto } from 'node:crypto';
import { identifyModel } from '../src/harmon/model_hash.ts';
import type { ModelIdentity } from '../src/harmon/record.ts';
import type { ModelFiles } from './model.ts';

/** @throws FileError, also for weights that do not fit the configuration, AbortError. */
export const identify = (files: ModelFiles, signal?: AbortSignal): Promise<ModelIdentity> =>
  identifyModel(files, (bytes) => webcrypto.subtle.digest('SHA-256', bytes), signal);
