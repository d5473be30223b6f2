/** Requests of the public class, checked before any work: what is wrong with one is found here. */
import { ArgumentError } from '../engine/index.ts';
import type { HarmonConfig } from './config.ts';
import { type Edit, type EditOptions, editOf } from './edit.ts';
import type { Grid } from './graphs.ts';
import type { Picture } from './image.ts';
import { checkKeys, shown } from './options.ts';
import { type Randomness, seeded } from './random.ts';
import type { GenerateState } from './resume.ts';
import { type OnProgress, gridOf } from './runtime.ts';
import { type GuidanceSchedule, type Iteration, diffusionSchedule, maskedLoop } from './schedule.ts';

export interface GenerateOptions {
  /** What to make; several prompts make one batch. */
  readonly prompt: string | readonly string[];
  /** Pictures of each prompt; 1 without. */
  readonly count?: number;
  /** Pixels, a multiple of 16: a side, or width and height. The model's native size without. An edit has the size of its picture. */
  readonly imageSize?: number | readonly [width: number, height: number];
  /** A picture to start from, and what of it is made anew for the prompt; all else stays. */
  readonly edit?: EditOptions;
  /** Iterations of the masked loop; 64, or as many as there are tokens to make. */
  readonly iterations?: number;
  /** Weight of classifier-free guidance, −1000 to 1000; 3 without, 1 turns it off. */
  readonly guidance?: number;
  readonly guidanceSchedule?: GuidanceSchedule;
  /** What the unconditional branch is asked. */
  readonly guidancePrompt?: string;
  /** Of the sampling noise, 0 to 100; 1 without. */
  readonly temperature?: number;
  /** Diffusion timesteps of each token, 2 to 1000; the model's own number without. */
  readonly timesteps?: number;
  /** Picture i uses seed + i; a random seed without. */
  readonly seed?: number;
  /** Order and noise from elsewhere, in place of `seed`. */
  readonly randomness?: Randomness;
  /** Goes on where an earlier run with the same options stood, with the same bits: what its `progress.state` gave. */
  readonly resume?: GenerateState;
  /** Most pictures made at once; 4 without. More share work and take more memory. */
  readonly batchSize?: number;
  readonly signal?: AbortSignal;
  /**
   * Called after each iteration; the run waits for what it returns. It must not wait for another task of the same model, which would wait for
   * this one.
   */
  readonly onIteration?: (progress: GenerateProgress) => void | Promise<void>;
  readonly onLoad?: OnProgress;
}

export interface GenerateProgress {
  /** Iterations done of all pictures, and how many there will be. */
  readonly done: number;
  readonly total: number;
  /** First picture of the batch at work, and its size. */
  readonly first: number;
  readonly pictures: number;
  /** Decodes the pictures as they are when it can be done, at once inside the callback; the result of the run does not depend on it. */
  preview(): Promise<Picture[]>;
  /** Where the run stands, when it can be read, at once inside the callback; for `resume`, on this device or another. */
  state(): Promise<GenerateState>;
}

/** A checked request for pictures. */
export interface GenerateJob {
  readonly prompts: readonly string[];
  readonly batchSize: number;
  readonly grid: Grid;
  readonly edit: Edit | undefined;
  /** Tokens that may be made, ascending. */
  readonly candidates: Uint32Array;
  readonly iterations: readonly Iteration[];
  readonly branches: 1 | 2;
  readonly temperature: number;
  readonly timesteps: number;
  readonly seed: number | undefined;
  readonly randomness: Randomness;
}

const ITERATIONS = 64;

const KEYS: Record<keyof GenerateOptions, true> = {
  prompt: true,
  count: true,
  imageSize: true,
  edit: true,
  iterations: true,
  guidance: true,
  guidanceSchedule: true,
  guidancePrompt: true,
  temperature: true,
  timesteps: true,
  seed: true,
  randomness: true,
  resume: true,
  batchSize: true,
  signal: true,
  onIteration: true,
  onLoad: true,
};

/** Errors: ArgumentError. */
export function generateJob(options: GenerateOptions, config: HarmonConfig): GenerateJob {
  if (typeof options !== 'object' || options === null)
    throw new ArgumentError(`[generate] options must be an object with a prompt but are ${String(options)}`);
  checkKeys('generate', options, KEYS);
  checkCallbacks('generate', options, ['onIteration', 'onLoad']);
  const { guidance = 3, temperature = 1, timesteps = config.diffusion.timesteps, count = 1, batchSize = 4 } = options;
  for (const [name, value] of Object.entries({ count, batchSize }))
    if (!Number.isInteger(value) || value < 1 || value > 4096)
      throw new ArgumentError(`[generate] ${name} must be a whole number from 1 to 4096 but is ${shown(value)}`);
  for (const [name, value, least, most] of [
    ['guidance', guidance, -1000, 1000],
    ['temperature', temperature, 0, 100],
  ] as const)
    if (typeof value !== 'number' || !(value >= least && value <= most))
      throw new ArgumentError(`[generate] ${name} must be a number from ${least} to ${most} but is ${shown(value)}`);
  const prompts = promptsOf(options).flatMap((prompt) => new Array<string>(count).fill(prompt));
  if (options.edit !== undefined && options.imageSize !== undefined)
    throw new ArgumentError('[generate] imageSize must not be given with edit: the result has the size of its picture');
  const edit = options.edit === undefined ? undefined : editOf(options.edit, config);
  const grid = edit?.grid ?? sizeOf(options, config);
  const candidates = edit?.candidates ?? Uint32Array.from({ length: grid[0] * grid[1] }, (_, g) => g);
  const tokens = edit?.made ?? candidates.length;
  const iterations = options.iterations ?? Math.min(ITERATIONS, tokens);
  diffusionSchedule(timesteps);
  const seed = options.randomness
    ? undefined
    : (options.seed ?? options.resume?.seed ?? Math.floor(Math.random() * 2 ** 32));
  const randomness = options.randomness ?? seeded(seed!, prompts.length);
  return {
    prompts,
    batchSize,
    grid,
    edit,
    candidates,
    iterations: maskedLoop(tokens, iterations, guidance, options.guidanceSchedule),
    branches: guidance === 1 ? 1 : 2,
    temperature,
    timesteps,
    seed,
    randomness,
  };
}

/** Throws unless what is called during a task can be called, and its signal is one. */
export function checkCallbacks<O extends { readonly signal?: AbortSignal }>(
  task: string,
  options: O,
  names: readonly (keyof O & string)[],
): void {
  const { signal } = options;
  if (signal !== undefined && typeof (signal as Partial<AbortSignal> | null)?.addEventListener !== 'function')
    throw new ArgumentError(
      `[${task}] signal must be an AbortSignal but is ${signal === null ? 'null' : typeof signal}`,
    );
  for (const name of names)
    if (options[name] !== undefined && typeof options[name] !== 'function')
      throw new ArgumentError(
        `[${task}] ${name} must be a function but is ${options[name] === null ? 'null' : typeof options[name]}`,
      );
}

function sizeOf({ imageSize }: GenerateOptions, config: HarmonConfig): Grid {
  const side = imageSize ?? config.mar.nativeImageSize;
  const [width, height] = Array.isArray(side) ? (side as number[]) : [side as number, side as number];
  return gridOf(config, width, height);
}

function promptsOf({ prompt, guidancePrompt = '' }: GenerateOptions): readonly string[] {
  const given: readonly unknown[] = Array.isArray(prompt) ? prompt : [prompt];
  if (given.length === 0) throw new ArgumentError('[generate] prompt must hold at least one text but is empty');
  for (const text of [...given, guidancePrompt])
    if (typeof text !== 'string')
      throw new ArgumentError(`[generate] a prompt must be a text but is ${text === null ? 'null' : typeof text}`);
  return given as readonly string[];
}

/** Throws unless `picture` is one: width · height · 3 bytes. */
export function checkPicture(picture: Picture): void {
  const { width, height, data } = (picture ?? {}) as Partial<Picture>;
  if (!(data instanceof Uint8Array) || data.length !== (width ?? 0) * (height ?? 0) * 3)
    throw new ArgumentError(
      `[describe] picture must be { width, height, data } with width · height · 3 bytes but is ${data instanceof Uint8Array ? `${width}×${height} with ${data.length}` : typeof picture}`,
    );
}
