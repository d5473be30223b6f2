/** What of a model is worth timing: the passes of both tasks as a usual request runs them, from their plans alone. */
import type { TuneOptions, TunedPass } from '../engine/index.ts';
import { type DescribeShape, type GenerateShape } from './graphs.ts';
import { image2textPlans } from './image2text.ts';
import { type GenerateOptions, generateJob } from './request.ts';
import { type PlanSource, planOptions } from './runtime.ts';
import { text2imagePlans, text2imageShape } from './text2image.ts';

export interface HarmonTuneOptions
  extends TuneOptions, Pick<GenerateOptions, 'imageSize' | 'iterations' | 'timesteps' | 'guidance'> {
  /** Pictures that are made at once; 1 without. */
  readonly pictures?: number;
}

/** Ids of a prompt with what stands around it, and words of an answer. */
const PROMPT = 32;
const ANSWER = 32;
/** Longest answer that a cache has room for. */
const LONGEST = 1024;

/** The passes of a picture (or some at once) and of a described one. @throws ArgumentError for sizes that cannot be. */
export function tunedPasses(given: PlanSource, { pictures = 1, ...request }: HarmonTuneOptions = {}): TunedPass[] {
  const source: PlanSource = { ...given, choices: undefined };
  const { imageSize, iterations, timesteps, guidance } = request;
  const job = generateJob({ prompt: '', seed: 0, imageSize, iterations, timesteps, guidance }, source.config);
  const { full, plans } = text2imagePlans(source, text2imageShape(job, pictures, PROMPT));
  const options = planOptions(source);
  const passes = (
    own: Readonly<Record<string, TunedPass['plan']>>,
    runs: Readonly<Record<string, Runs>>,
  ): TunedPass[] => Object.entries(runs).map(([name, run]) => ({ plan: own[name], options, ...run }));

  const square = [Math.min(...full.grid), Math.min(...full.grid)] as const;
  const prompt = square[0] * square[1] + source.config.mar.bufferTokens + PROMPT;
  const shape: DescribeShape = { grid: square, prompt: upTo(64, prompt), cache: upTo(256, prompt + LONGEST) };
  return [
    ...passes(plans, pictureRuns(full, job.iterations)),
    ...passes(image2textPlans(source, shape), {
      see: { runs: 1 },
      prefill: { runs: 1, extents: { prompt } },
      decode_step: { runs: ANSWER },
    }),
  ];
}

type Runs = Pick<TunedPass, 'runs' | 'extents'>;

/** How often each pass runs for the pictures made at once, and its lengths in the middle of the loop. */
function pictureRuns(
  { grid, pictures, timesteps, chunk, steps = 1 }: GenerateShape,
  iterations: readonly { masked: number; predicted: number }[],
): Record<string, Runs> {
  const { length } = iterations;
  const mean = (of: (i: (typeof iterations)[number]) => number) =>
    Math.round(iterations.reduce((sum, i) => sum + of(i), 0) / length);
  const predicted = mean((i) => i.predicted);
  const visible = mean((i) => grid[0] * grid[1] - i.masked);
  return {
    text: { runs: 1, extents: { text: PROMPT } },
    iteration: { runs: length, extents: { visible, predicted } },
    time: { runs: 1 },
    modulations: { runs: length * Math.ceil(timesteps / chunk), extents: { start: 0, count: chunk, predicted } },
    step: {
      runs: length * Math.ceil(timesteps / steps),
      extents: { step: 0, local: 0, steps, predicted },
    },
    place: { runs: length, extents: { predicted } },
    decode: { runs: pictures, extents: { picture: 0 } },
  };
}

const upTo = (step: number, length: number): number => Math.ceil(length / step) * step;
