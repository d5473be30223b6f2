/** Where a run of pictures stands after an iteration: all that another device needs to go on from there with the same bits. */
import { ArgumentError } from '../engine/index.ts';
import type { GeneratedPicture } from './harmon.ts';
import type { GenerateJob } from './request.ts';

/** Plain data, to be sent or stored. */
export interface GenerateState {
  /** Of the run; none with recorded randomness. */
  readonly seed: number | undefined;
  /** Pictures of the batches that are done. */
  readonly finished: readonly GeneratedPicture[];
  /** Iterations done of the batch at work. */
  readonly iterations: number;
  /** Scaled latents of its pictures, (b·N, tokenDim). */
  readonly tokens: Float32Array<ArrayBuffer>;
}

/** Throws unless `state` is one of a run like `job`. */
export function checkState(state: GenerateState, job: GenerateJob, tokenDim: number): void {
  const { seed, finished, iterations, tokens } = (state ?? {}) as Partial<GenerateState>;
  const rest = Array.isArray(finished) ? job.prompts.length - finished.length : 0;
  const elements = Math.min(rest, job.batchSize) * job.grid[0] * job.grid[1] * tokenDim;
  const isCount = Number.isInteger(iterations) && iterations! >= 1 && iterations! <= job.iterations.length;
  const isBatch = rest > 0 && finished!.length % job.batchSize === 0;
  if (!isBatch || !isCount || seed !== job.seed || !(tokens instanceof Float32Array) || tokens.length !== elements)
    throw new ArgumentError(
      '[generate] resume must be the state of a run with the same options but is not: give all options as they were',
    );
}
