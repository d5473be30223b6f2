/**
 * How pictures are made, settled: what the command line says, else what a picture remembers, else the defaults. And the same as a
 * request of the model and as the record that a picture keeps.
 */
import { ArgumentError } from '../../src/engine/index.ts';
import { vaeStride } from '../../src/harmon/config.ts';
import type { FitRequest, GuidanceSchedule, HarmonConfig } from '../../src/harmon/index.ts';
import type { PictureRecord } from '../../src/harmon/record.ts';
import { defaultSide } from './session.ts';
import type { Size } from './values.ts';

export interface MakingOptions {
  readonly imageSize?: Size;
  readonly gridSize?: number;
  readonly numIter?: number;
  readonly cfg?: number;
  readonly cfgPrompt?: string;
  readonly cfgSchedule?: GuidanceSchedule;
  readonly temperature?: number;
  readonly timesteps?: number;
}

/** The settings of a picture beside its prompt and seed. */
export type Making = Omit<PictureRecord, 'prompt' | 'seed' | 'edit' | 'model' | 'adapter'>;

/** Settles the options for a model. @throws ArgumentError for more iterations than there are tokens to make. */
export function settleMaking(options: MakingOptions, config: HarmonConfig, remembered?: Making): Making {
  const side = defaultSide(config);
  const [width, height] = options.imageSize ?? remembered?.imageSize ?? [side, side];
  const stride = vaeStride(config);
  const squares = (width * height) / stride ** 2;
  const iterations = options.numIter ?? remembered?.iterations ?? Math.min(64, squares);
  if (iterations > squares)
    throw new ArgumentError(
      `--num-iter must be at most ${squares}, one for each square of ${stride} pixels in ${width}×${height}, but is ${iterations}`,
    );
  return {
    imageSize: [width, height],
    gridSize: options.gridSize ?? remembered?.gridSize ?? 1,
    iterations,
    guidance: options.cfg ?? remembered?.guidance ?? 3,
    guidanceSchedule: options.cfgSchedule ?? remembered?.guidanceSchedule ?? 'constant',
    guidancePrompt: options.cfgPrompt ?? remembered?.guidancePrompt ?? config.unconditionalPrompt,
    temperature: options.temperature ?? remembered?.temperature ?? 1,
    timesteps: options.timesteps ?? remembered?.timesteps ?? config.diffusion.timesteps,
  };
}

/** What must fit the memory of a command that makes pictures. */
export const fitOf = ({ imageSize, iterations, timesteps, guidance }: Making): FitRequest => ({
  task: 'generate',
  imageSize,
  iterations,
  timesteps,
  guidance,
});

/** The request for the pictures of one file for each prompt. */
export function requestOf({ gridSize, ...making }: Making) {
  return { ...making, count: gridSize ** 2 };
}
