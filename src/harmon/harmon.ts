/**
 * Harmon: a loaded model that makes pictures from words and words from pictures. One task runs at a time; others wait for their turn.
 * Weights are loaded when a task first needs them and stay until `destroy`.
 */
import { ArgumentError, type Device, type TensorFile, WeightStore } from '../engine/index.ts';
import { checkHarmon } from './declared.ts';
import type { HarmonConfig } from './config.ts';
import type { Grid } from './graphs.ts';
import { type Picture, prepare } from './image.ts';
import { Image2Text } from './image2text.ts';
import { imagePrompt, padRows, questionPrompt, unconditionalPrompt } from './prompts.ts';
import { type Randomness, seeded } from './random.ts';
import { type OnProgress, type Runtime, Turns, gridOf } from './runtime.ts';
import { type GuidanceSchedule, maskedLoop } from './schedule.ts';
import { Text2Image, type Text2ImageShape } from './text2image.ts';
import type { Tokenizer } from './tokenizer.ts';
import { weightSource } from './weight_source.ts';

export interface HarmonOptions {
  readonly device: Device;
  readonly config: HarmonConfig;
  readonly tokenizer: Tokenizer;
  /** All tensors: the model's under their own names, the VAE's under `vae.`. */
  readonly weights: TensorFile;
}

export interface GenerateOptions {
  /** What to make; several prompts make one batch. */
  readonly prompt: string | readonly string[];
  /** Pictures of each prompt; 1 without. */
  readonly count?: number;
  /** Pixels, a multiple of 16: a side, or width and height. The model's native size without. */
  readonly imageSize?: number | readonly [width: number, height: number];
  /** Iterations of the masked loop; 64, or as many as there are tokens. */
  readonly iterations?: number;
  /** Weight of classifier-free guidance; 3 without, 1 turns it off. */
  readonly guidance?: number;
  readonly guidanceSchedule?: GuidanceSchedule;
  /** What the unconditional branch is asked. */
  readonly guidancePrompt?: string;
  readonly temperature?: number;
  /** Diffusion timesteps of each token; the model's own number without. */
  readonly timesteps?: number;
  /** Picture i uses seed + i; a random seed without. */
  readonly seed?: number;
  /** Order and noise from elsewhere, in place of `seed`. */
  readonly randomness?: Randomness;
  /** Most pictures made at once; 4 without. More share work and take more memory. */
  readonly batchSize?: number;
  readonly signal?: AbortSignal;
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
  /** Decodes the pictures as they are now; the result of the run does not depend on it. */
  preview(): Promise<Picture[]>;
}

export interface GeneratedPicture extends Picture {
  readonly prompt: string;
  /** The seed that makes this picture alone; none with recorded randomness. */
  readonly seed: number | undefined;
}

export interface DescribeOptions {
  /** The model's own question without. */
  readonly question?: string;
  /** Side in pixels that the picture is prepared to, a multiple of 16; the model's native size without. */
  readonly imageSize?: number;
  /** Longest answer, ids; 1024 without. */
  readonly maxNewTokens?: number;
  readonly signal?: AbortSignal;
  readonly onLoad?: OnProgress;
  /** Called with each id, the end token included. */
  readonly onToken?: (id: number) => void;
}

const ITERATIONS = 64;
const MAX_NEW_TOKENS = 1024;

export class Harmon {
  private readonly turns = new Turns();
  private text2image: Text2Image | undefined;
  private image2text: Image2Text | undefined;
  private destroyed = false;

  private constructor(private readonly runtime: Runtime) {}

  /** Takes a checkpoint. Errors: FileError naming every tensor that is missing or misshapen. */
  static open({ device, config, tokenizer, weights }: HarmonOptions): Harmon {
    checkHarmon(weights, config);
    return new Harmon({ device, config, tokenizer, source: weightSource(weights), weights: new WeightStore(device) });
  }

  get config(): HarmonConfig {
    return this.runtime.config;
  }

  get device(): Device {
    return this.runtime.device;
  }

  /** Makes pictures: for each prompt `count` of them, in order. Errors: ArgumentError, AbortError, GpuError. */
  async generate(options: GenerateOptions): Promise<GeneratedPicture[]> {
    const job = this.planGenerate(options);
    return this.turns.take('generate', options.signal, async () => {
      this.checkAlive();
      const pictures: GeneratedPicture[] = [];
      for (let first = 0; first < job.prompts.length; first += job.batchSize)
        pictures.push(...(await this.generateBatch(job, options, first)));
      return pictures;
    });
  }

  /** Everything about a request that can be wrong is found here, before any work. */
  private planGenerate(options: GenerateOptions) {
    const { config } = this.runtime;
    const { guidance = 3, temperature = 1, timesteps = config.diffusion.timesteps, count = 1, batchSize = 4 } = options;
    const side = options.imageSize ?? config.mar.nativeImageSize;
    const grid = typeof side === 'number' ? gridOf(config, side, side) : gridOf(config, ...side);
    const tokens = grid[0] * grid[1];
    const iterations = maskedLoop(
      tokens,
      options.iterations ?? Math.min(ITERATIONS, tokens),
      guidance,
      options.guidanceSchedule,
    );
    for (const [name, value] of Object.entries({ count, batchSize }))
      if (!Number.isInteger(value) || value < 1 || value > 4096)
        throw new ArgumentError(`[generate] ${name} must be a whole number from 1 to 4096 but is ${value}`);
    if (!Number.isFinite(temperature) || temperature < 0)
      throw new ArgumentError(`[generate] temperature must be a number from 0 up but is ${temperature}`);
    const given = typeof options.prompt === 'string' ? [options.prompt] : options.prompt;
    const prompts = given.flatMap((prompt) => new Array<string>(count).fill(prompt));
    if (prompts.length === 0) throw new ArgumentError('[generate] prompt must hold at least one text but is empty');
    const seed = options.randomness ? undefined : (options.seed ?? Math.floor(Math.random() * 2 ** 32));
    const randomness = options.randomness ?? seeded(seed!);
    return { guidance, temperature, timesteps, batchSize, grid, iterations, prompts, seed, randomness };
  }

  private async generateBatch(
    job: ReturnType<Harmon['planGenerate']>,
    options: GenerateOptions,
    first: number,
  ): Promise<GeneratedPicture[]> {
    const { config, tokenizer } = this.runtime;
    const texts = job.prompts.slice(first, first + job.batchSize);
    const branches = job.guidance === 1 ? 1 : 2;
    const conditional = texts.map((text) => imagePrompt(tokenizer, config, text));
    const unconditional = unconditionalPrompt(tokenizer, config, options.guidancePrompt);
    const rows = branches === 1 ? conditional : [...conditional, ...texts.map(() => unconditional)];
    const prompts = padRows(tokenizer, config, rows);
    this.checkContext(prompts.length + job.grid[0] * job.grid[1] + config.mar.bufferTokens);
    const model = await this.openText2Image(
      {
        grid: job.grid,
        pictures: texts.length,
        branches,
        text: Math.ceil(prompts.length / 32) * 32,
        timesteps: job.timesteps,
        predicted: Math.max(...job.iterations.map((i) => i.predicted)),
      },
      options,
    );
    const all = texts.map((_, p) => p);
    await model.run({
      prompts,
      iterations: job.iterations,
      temperature: job.temperature,
      randomness: shifted(job.randomness, first),
      signal: options.signal,
      onIteration:
        options.onIteration &&
        ((k, settle) =>
          options.onIteration!({
            done: (first / job.batchSize) * job.iterations.length + k + 1,
            total: Math.ceil(job.prompts.length / job.batchSize) * job.iterations.length,
            first,
            pictures: texts.length,
            preview: async () => {
              await settle();
              return inTurn(all, (p) => model.decode(p, options.signal));
            },
          })),
    });
    return inTurn(all, async (p) => ({
      ...(await model.decode(p, options.signal)),
      prompt: texts[p],
      seed: job.seed === undefined ? undefined : job.seed + first + p,
    }));
  }

  private async openText2Image(shape: Text2ImageShape, options: GenerateOptions): Promise<Text2Image> {
    const has = this.text2image?.shape;
    const same = (['pictures', 'branches', 'timesteps'] as const).every((key) => has?.[key] === shape[key]);
    const fits =
      has && same && sameGrid(has.grid, shape.grid) && has.text >= shape.text && has.predicted >= shape.predicted;
    if (this.text2image && fits) return this.text2image;
    this.text2image?.destroy();
    this.text2image = undefined;
    const model = await Text2Image.open(this.runtime, shape, { signal: options.signal, onProgress: options.onLoad });
    return (this.text2image = this.ifAlive(model));
  }

  /** Describes a picture, or answers a question about it: text as it comes, whole characters only. The end token is not part of it. */
  async *describe(picture: Picture, options: DescribeOptions = {}): AsyncGenerator<string, void, undefined> {
    const { config, tokenizer } = this.runtime;
    const side = options.imageSize ?? config.mar.nativeImageSize;
    const grid = gridOf(config, side, side);
    const limit = options.maxNewTokens ?? MAX_NEW_TOKENS;
    if (!Number.isInteger(limit) || limit < 1 || limit > config.language.maxPositions)
      throw new ArgumentError(
        `[describe] maxNewTokens must be a whole number from 1 to ${config.language.maxPositions} but is ${limit}`,
      );
    const question = questionPrompt(tokenizer, config, options.question ?? config.question);
    const length = question.prefix.length + grid[0] * grid[1] + config.mar.bufferTokens + question.suffix.length;
    this.checkContext(length + limit);
    const prepared = prepare(picture, side);

    let release: () => void = () => undefined;
    const turn = new Promise<void>((resolve) => (release = resolve));
    await new Promise<void>((start, fail) => {
      const task = () => {
        start();
        return turn;
      };
      this.turns.take('describe', options.signal, task).catch(fail);
    });
    try {
      this.checkAlive();
      const prompt = Math.ceil(length / 64) * 64;
      const model = await this.openImage2Text(
        { grid, prompt, cache: Math.ceil((prompt + limit) / 256) * 256 },
        options,
      );
      await model.see(prepared, options.signal);
      const text = tokenizer.stream();
      const end = tokenizer.control(config.endToken);
      for await (const id of model.answer(question, limit, options.signal)) {
        options.onToken?.(id);
        const piece = id === end ? '' : text.push(id);
        if (piece) yield piece;
      }
      const rest = text.end();
      if (rest) yield rest;
    } finally {
      release();
    }
  }

  private async openImage2Text(shape: Image2Text['shape'], options: DescribeOptions): Promise<Image2Text> {
    const has = this.image2text?.shape;
    const fits = has && sameGrid(has.grid, shape.grid) && has.prompt >= shape.prompt && has.cache >= shape.cache;
    if (this.image2text && fits) return this.image2text;
    this.image2text?.destroy();
    this.image2text = undefined;
    const model = await Image2Text.open(this.runtime, shape, { signal: options.signal, onProgress: options.onLoad });
    return (this.image2text = this.ifAlive(model));
  }

  private checkContext(positions: number): void {
    const limit = this.runtime.config.language.maxPositions;
    if (positions > limit)
      throw new ArgumentError(
        `[prompt] prompt, picture and answer must fit ${limit} positions but take ${positions}: shorten the text`,
      );
  }

  private checkAlive(): void {
    if (this.destroyed)
      throw new ArgumentError('[harmon] the model must not be destroyed before it is used: open it again');
  }

  /** What was made while the model was destroyed goes the same way. */
  private ifAlive<T extends { destroy(): void }>(made: T): T {
    if (this.destroyed) made.destroy();
    this.checkAlive();
    return made;
  }

  /** Gives back every byte that the model holds on the device; the device itself stays its owner's. */
  destroy(): void {
    this.destroyed = true;
    this.text2image?.destroy();
    this.image2text?.destroy();
    this.text2image = undefined;
    this.image2text = undefined;
    this.runtime.weights.destroy();
  }
}

function sameGrid(a: Grid, b: Grid): boolean {
  return a[0] === b[0] && a[1] === b[1];
}

/** The randomness of a later batch: its picture p is picture first + p of the run. */
function shifted(randomness: Randomness, first: number): Randomness {
  return {
    order: (p, count) => randomness.order(first + p, count),
    noise: (p, iteration, steps, rows) => randomness.noise(first + p, iteration, steps, rows),
  };
}

async function inTurn<T, U>(items: readonly T[], task: (item: T) => Promise<U>): Promise<U[]> {
  const results: U[] = [];
  for (const item of items) results.push(await task(item));
  return results;
}
