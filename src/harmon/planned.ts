/** What a picture takes on a device, added up from the plans alone: nothing is allocated, no adapter is needed. */
import {
  DEFAULT_LIMITS,
  type Device,
  type PlannedBytes,
  type Quantised,
  type TensorFile,
  plannedBytes,
} from '../engine/index.ts';
import type { HarmonConfig } from './config.ts';
import { type GenerateOptions, generateJob } from './request.ts';
import { text2imagePlans, text2imageShape } from './text2image.ts';
import { weightSource } from './weight_source.ts';

export interface PlannedOptions extends Partial<Omit<GenerateOptions, 'signal' | 'onIteration' | 'onLoad'>> {
  readonly quantise?: Quantised;
  /** Ids of the longest prompt with what stands around it; 64, about two dozen words, without. */
  readonly promptIds?: number;
  /** Of the device, as it tells them; WebGPU's own without. */
  readonly limits?: Device['planLimits'];
}

/**
 * Bytes of weights, caches and activations while `options` are made, one picture with the defaults without. @throws ArgumentError, OvertoneError `memory` for what no buffer of the device holds.
 */
export function plannedPicture(config: HarmonConfig, weights: TensorFile, options: PlannedOptions = {}): PlannedBytes {
  const { quantise, promptIds = 64, limits: planLimits = DEFAULT_LIMITS, ...request } = options;
  const job = generateJob({ prompt: '', seed: 0, ...request }, config);
  const source = { config, source: weightSource(weights), quantise, device: { planLimits } };
  const shape = text2imageShape(job, Math.min(job.prompts.length, job.batchSize), promptIds);
  return plannedBytes(Object.values(text2imagePlans(source, shape).plans));
}
