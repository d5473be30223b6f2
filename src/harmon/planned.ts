/** What a task takes on a device, added up from the plans alone: nothing is allocated, no adapter is needed. */
import {
  DEFAULT_LIMITS,
  type Device,
  type PlannedBytes,
  type Quantised,
  type TensorFile,
  plannedBytes,
} from '../engine/index.ts';
import {
  type FormNeed,
  type MemoryNeed,
  type NeedOf,
  arrange,
  checkMemory,
  fittingForm,
  memoryNeed,
} from './arrangement.ts';
import type { HarmonConfig } from './config.ts';
import { DESCRIBE_ALIASES, MAX_NEW_TOKENS, describeGroups, describeShape, image2textPlans } from './image2text.ts';
import { type GenerateOptions, generateJob } from './request.ts';
import { type PlanSource, gridOf } from './runtime.ts';
import { type Text2ImageShape, generateGroups, text2imagePlans, text2imageShape } from './text2image.ts';
import type { DescribeShape } from './graphs.ts';
import { quantisedForm, weightSource } from './weight_source.ts';

export interface PlannedOptions extends Partial<Omit<GenerateOptions, 'signal' | 'onIteration' | 'onLoad'>> {
  readonly quantise?: Quantised;
  /** Ids of the longest prompt with what stands around it; 64, about two dozen words, without. */
  readonly promptIds?: number;
  /** Of the device, as it tells them; WebGPU's own without. */
  readonly limits?: Device['planLimits'];
}

const PROMPT_IDS = 64;

/**
 * Bytes of weights, caches and activations while `options` are made, one picture with the defaults without. @throws ArgumentError, OvertoneError `memory` for what no buffer of the device holds.
 */
export function plannedPicture(config: HarmonConfig, weights: TensorFile, options: PlannedOptions = {}): PlannedBytes {
  const { quantise, promptIds = PROMPT_IDS, limits: planLimits = DEFAULT_LIMITS, ...request } = options;
  const job = generateJob({ prompt: '', seed: 0, ...request }, config);
  const form = quantisedForm(weights, quantise);
  const source = { config, source: weightSource(weights), quantise: form, device: { planLimits } };
  const shape = text2imageShape(job, Math.min(job.prompts.length, job.batchSize), promptIds);
  return plannedBytes(Object.values(text2imagePlans(source, shape).plans));
}

/** What pictures of `shape` take, however they are laid out. */
export const pictureNeed =
  (source: PlanSource, shape: Text2ImageShape, memory?: number): NeedOf =>
  (arrangement, pictures) => {
    const { plans } = text2imagePlans({ ...source, ...arrangement }, { ...shape, pictures });
    const groups = generateGroups(arrangement.apart, shape.encoder !== undefined);
    return memoryNeed(
      groups.map((group) => group.map((pass) => plans[pass])),
      {},
      memory,
    );
  };

/** No tensor of an iteration has more bytes: the widest hidden layer, twice, for all tokens of all rows. */
export function largestAtMost({ language, mar }: HarmonConfig, shape: Text2ImageShape): number {
  const { pictures, branches, text, grid } = shape;
  const tokens = text + grid[0] * grid[1] + mar.bufferTokens;
  return pictures * branches * tokens * 2 * Math.max(language.intermediateSize, 4 * mar.width) * 4;
}

/** What an answer about a picture takes. */
export const answerNeed =
  (source: PlanSource, shape: DescribeShape, memory?: number): NeedOf =>
  (arrangement) => {
    const plans = image2textPlans({ ...source, ...arrangement }, shape);
    return memoryNeed(
      describeGroups(arrangement.apart).map((group) => group.map((pass) => plans[pass])),
      DESCRIBE_ALIASES,
      memory,
    );
  };

/** What a model that is opened with little memory must be able to do. Fewer iterations make more of a picture at once, and take more. */
export interface FitRequest extends Pick<GenerateOptions, 'iterations' | 'timesteps' | 'guidance'> {
  /** The task; both without. */
  readonly task?: 'generate' | 'describe';
  /** Pixels, a multiple of 16: a side, or width and height; the model's native size without. */
  readonly imageSize?: GenerateOptions['imageSize'];
  /** Longest answer, ids; 1024 without. */
  readonly maxNewTokens?: number;
}

/** The form of matrices that is settled, and what the task that takes most needs in it as it will be laid out, one picture at once. */
export interface FittedForm {
  readonly quantise: Quantised | undefined;
  readonly need: MemoryNeed;
}

/** How much memory an opened model may take, and in which form its weights are kept. */
export interface MemoryOptions {
  /** Keeps matrices on the device in fewer bits: `q8` or `q4`. With `memory`, the fewest that they may come to where more do not fit. */
  readonly quantise?: Quantised;
  /** Most bytes on the device: tasks are laid out within them, or refused. As many as they take without. */
  readonly memory?: number;
  /** What the form of the weights must leave room for in `memory`: a picture and an answer of the model's native size without. */
  readonly fit?: FitRequest | ((config: HarmonConfig) => FitRequest);
}

/** The form of the weights: as asked, or with the most bits that fit on a device of `limits`. @throws ArgumentError, OvertoneError `memory`. */
export function settledForm(
  { quantise, memory, fit }: MemoryOptions,
  config: HarmonConfig,
  weights: TensorFile,
  limits?: Device['planLimits'],
): Partial<FittedForm> & Pick<MemoryOptions, 'memory'> {
  const form = quantisedForm(weights, quantise);
  if (memory === undefined) return { quantise: form };
  checkMemory('open', memory);
  const request = typeof fit === 'function' ? fit(config) : fit;
  return { memory, ...formFor(config, weights, memory, form, request, limits) };
}

const FORMS: readonly (Quantised | undefined)[] = [undefined, 'q8', 'q4'];

/** Where the device is not known: WebGPU's least, but a device may hold more in one buffer. */
const ANY_DEVICE = { ...DEFAULT_LIMITS, maxBufferSize: Infinity };

/**
 * The form in which `fit` can be done within `memory` bytes on a device of `limits`: as stored, else in fewer bits, `least` at the fewest (as stored without). A file that is quantised
 * has one form.
 * @throws ArgumentError, OvertoneError `memory` with what is needed and the cure.
 */
export function formFor(
  config: HarmonConfig,
  weights: TensorFile,
  memory: number,
  least: Quantised | undefined,
  fit: FitRequest = {},
  limits: Device['planLimits'] = ANY_DEVICE,
): FittedForm {
  const stored = weightSource(weights);
  const needs = (quantise: Quantised | undefined): FormNeed => {
    const source: PlanSource = { config, source: stored, quantise, device: { planLimits: limits } };
    const tasks = tasksOf(source, fit, memory);
    const needOf: NeedOf = (...how) => {
      const [first, ...rest] = tasks.map((task) => task(...how));
      return rest.reduce((most, need) => (need.total > most.total ? need : most), first);
    };
    return { form: quantise, needOf };
  };
  const own = quantisedForm(weights);
  const forms = (own ? [own] : FORMS).map(needs);
  const allowed = own ? 1 : FORMS.indexOf(least) + 1;
  const { form, needOf } = fittingForm(forms.slice(0, allowed), memory, forms.slice(allowed));
  return { quantise: form, need: needOf(arrange(needOf, 1, memory), 1) };
}

function tasksOf(source: PlanSource, fit: FitRequest, memory: number): NeedOf[] {
  const { config } = source;
  const { task, imageSize, maxNewTokens, iterations, timesteps, guidance } = fit;
  const tasks: NeedOf[] = [];
  if (task !== 'describe') {
    const job = generateJob({ prompt: '', seed: 0, imageSize, iterations, timesteps, guidance }, config);
    tasks.push(pictureNeed(source, text2imageShape(job, 1, PROMPT_IDS), memory));
  }
  if (task !== 'generate') {
    const side = Array.isArray(imageSize) ? Math.max(...(imageSize as number[])) : (imageSize as number | undefined);
    const grid = gridOf(config, side ?? config.mar.nativeImageSize, side ?? config.mar.nativeImageSize);
    const length = grid[0] * grid[1] + config.mar.bufferTokens + PROMPT_IDS;
    tasks.push(answerNeed(source, describeShape(grid, length, maxNewTokens ?? MAX_NEW_TOKENS), memory));
  }
  return tasks;
}
