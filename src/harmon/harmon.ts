/**
 * Harmon: a loaded model that makes pictures from words and words from pictures. One task runs at a time; others wait for their turn.
 * Weights are loaded when a task first needs them and stay until `destroy`.
 */
import {
  AbortError,
  ArgumentError,
  type Choices,
  type Device,
  type Quantised,
  RangeWatch,
  type TensorFile,
  type TensorRange,
  type TuneResult,
  WeightStore,
  isQuantised,
  tune,
} from '../engine/index.ts';
import type { HarmonConfig } from './config.ts';
import { type Arrangement, type Chosen, checkMemory } from './arrangement.ts';
import { checkHarmon } from './declared.ts';
import { canvasTokens, finishEdit } from './edit.ts';
import type { Grid } from './graphs.ts';
import { type Picture, prepare } from './image.ts';
import { Image2Text, MAX_NEW_TOKENS, describeShape } from './image2text.ts';
import { Layouts } from './layouts.ts';
import type { Mask } from './mask.ts';
import { checkKeys, shown } from './options.ts';
import { answerNeed, largestAtMost, pictureNeed } from './planned.ts';
import { Previews } from './previews.ts';
import { imagePrompt, padRows, questionPrompt, unconditionalPrompt } from './prompts.ts';
import { type Randomness, drawOrders } from './random.ts';
import {
  type GenerateJob,
  type GenerateOptions,
  type GenerateProgress,
  checkCallbacks,
  checkPicture,
  generateJob,
} from './request.ts';
import { type GenerateState, checkState } from './resume.ts';
import { type OnProgress, type Runtime, gridOf } from './runtime.ts';
import { Text2Image, type Text2ImageShape, text2imageShape } from './text2image.ts';
import { TextQueue } from './text_queue.ts';
import type { Tokenizer } from './tokenizer.ts';
import { type HarmonTuneOptions, tunedPasses } from './tune.ts';
import { Turns } from './turns.ts';
import { fewerBits, quantisedForm, weightSource } from './weight_source.ts';

export interface HarmonOptions {
  readonly device: Device;
  readonly config: HarmonConfig;
  readonly tokenizer: Tokenizer;
  /** All tensors: the model's under their own names, the VAE's under `vae.`. */
  readonly weights: TensorFile;
  /** Keeps matrices on the device in fewer bits: 9 (q8) or 5 (q4) a weight; as the checkpoint has them without. */
  readonly quantise?: Quantised;
  /** Variants of kernels to use in place of the defaults: what `tune` has found, for as long as the model lives. */
  readonly choices?: Choices;
  /**
   * Most bytes on the device. A task that takes more is laid out with less: kernels with smaller weights, parts on the device only for their phase, pictures
   * in bands of rows, fewer at once; one that still does not fit is refused. As many as it takes without.
   */
  readonly memory?: number;
  /** Records the largest magnitude of every tensor that a task stores, for `ranges`, and ends a task at the first NaN or infinity. Slow: for checks. */
  readonly checkRange?: boolean;
}

export interface GeneratedPicture extends Picture {
  readonly prompt: string;
  /** The seed that makes this picture alone; none with recorded randomness. */
  readonly seed: number | undefined;
  /** Of an edit: which squares of 16 pixels were made anew, 255 in a mask of one byte a square. */
  readonly mask?: Mask;
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

const DESCRIBE_KEYS: Record<keyof DescribeOptions, true> = {
  question: true,
  imageSize: true,
  maxNewTokens: true,
  signal: true,
  onLoad: true,
  onToken: true,
};

interface PromptIds {
  readonly conditional: ReadonlyMap<string, readonly number[]>;
  readonly unconditional: readonly number[];
}

export class Harmon {
  private readonly turns = new Turns();
  private text2image: Text2Image | undefined;
  private image2text: Image2Text | undefined;
  /** How the sessions that are open are laid out. */
  private layout: Arrangement | undefined;
  private destroyed = false;
  private insideCallback = false;

  private constructor(
    private readonly runtime: Runtime,
    private readonly layouts: Layouts,
  ) {}

  /** Takes a checkpoint. Errors: FileError naming every tensor that is missing or misshapen. */
  static open({ device, config, tokenizer, weights, quantise, choices, memory, checkRange }: HarmonOptions): Harmon {
    if (quantise !== undefined && !isQuantised(quantise))
      throw new ArgumentError(`[open] quantise must be q8 or q4 but is ${String(quantise)}`);
    checkMemory('open', memory);
    checkHarmon(weights, config);
    const source = weightSource(weights);
    const store = new WeightStore(device);
    const form = quantisedForm(weights, quantise);
    const watch = checkRange ? new RangeWatch(device) : undefined;
    const runtime = { device, config, tokenizer, source, weights: store, quantise: form, choices, memory, watch };
    return new Harmon(runtime, new Layouts(runtime, fewerBits(weights, form)));
  }

  get config(): HarmonConfig {
    return this.runtime.config;
  }

  get device(): Device {
    return this.runtime.device;
  }

  /** The largest magnitudes that the tasks so far have stored, tensor by tensor. Errors: ArgumentError unless opened with `checkRange`. */
  ranges(): TensorRange[] {
    if (!this.runtime.watch)
      throw new ArgumentError('[ranges] the model must be opened with checkRange but was opened without: open it anew');
    return this.runtime.watch.ranges();
  }

  /** Makes pictures: for each prompt `count` of them, in order. Errors: ArgumentError, AbortError, GpuError, OvertoneError `numerics`. */
  async generate(options: GenerateOptions): Promise<GeneratedPicture[]> {
    const asked = generateJob(options, this.runtime.config);
    const { resume } = options;
    const ids = this.promptIds(asked, options);
    const layout = this.arrange(asked, ids);
    const job = { ...asked, batchSize: layout.pictures };
    if (resume !== undefined) checkState(resume, job, this.runtime.config.mar.tokenDim);
    return this.take('generate', options.signal, async () => {
      const pictures = [...(resume?.finished ?? [])];
      for (let from = resume; pictures.length < job.prompts.length; from = undefined)
        pictures.push(...(await this.generateBatch(job, ids, layout, options, pictures, from)));
      return pictures;
    });
  }

  /** The ids of every prompt, all of them checked before any work. */
  private promptIds(job: GenerateJob, options: GenerateOptions): PromptIds {
    const { config, tokenizer } = this.runtime;
    const texts = [...new Set(job.prompts)];
    const conditional = new Map(texts.map((text) => [text, imagePrompt(tokenizer, config, text)]));
    const unconditional = unconditionalPrompt(tokenizer, config, options.guidancePrompt);
    const used = [...conditional.values(), ...(job.branches === 1 ? [] : [unconditional])];
    const longest = used.reduce((most, { length }) => Math.max(most, length), 0);
    this.checkContext(longest + job.grid[0] * job.grid[1] + config.mar.bufferTokens);
    return { conditional, unconditional };
  }

  private async generateBatch(
    job: GenerateJob,
    ids: PromptIds,
    layout: Arrangement,
    options: GenerateOptions,
    before: readonly GeneratedPicture[],
    from: GenerateState | undefined,
  ): Promise<GeneratedPicture[]> {
    const { config, tokenizer } = this.runtime;
    const first = before.length;
    const texts = job.prompts.slice(first, first + job.batchSize);
    const { branches } = job;
    const conditional = texts.map((text) => ids.conditional.get(text)!);
    const { unconditional } = ids;
    const rows = branches === 1 ? conditional : [...conditional, ...texts.map(() => unconditional)];
    const prompts = padRows(tokenizer, config, rows);
    const { edit } = job;
    const randomness = shifted(job.randomness, first);
    const orders = drawOrders(randomness, texts.length, job.candidates, edit?.made);
    const shape = text2imageShape(job, texts.length, prompts.length);
    const model = await this.openText2Image(shape, layout, options);
    const given =
      from?.tokens ?? (edit && canvasTokens(edit, await model.encode(edit.picture, options.signal), texts.length));
    const decode = async (p: number): Promise<{ picture: Picture; mask?: Mask }> => {
      const picture = await model.decode(p, options.signal);
      return edit ? finishEdit(edit, picture, orders[p]) : { picture };
    };
    const all = texts.map((_, p) => p);
    const previews = new Previews();
    const batches = Math.ceil(job.prompts.length / job.batchSize);
    const report = (k: number, settle: () => Promise<void>) => {
      const progress: GenerateProgress = {
        done: (first / job.batchSize) * job.iterations.length + k + 1,
        total: batches * job.iterations.length,
        first,
        pictures: texts.length,
        preview: () =>
          previews.ask(async () => {
            await settle();
            return inTurn(all, async (p) => (await decode(p)).picture);
          }),
        state: () =>
          previews.ask(async () => {
            await settle();
            const tokens = await model.readTokens();
            return { seed: job.seed, finished: [...before], iterations: k + 1, tokens };
          }),
      };
      return previews.between(() => this.callBack(() => options.onIteration?.(progress)));
    };
    await model.run({
      ...job,
      prompts,
      orders,
      randomness,
      given,
      done: from?.iterations,
      signal: options.signal,
      onIteration: report,
    });
    await previews.end();
    return inTurn(all, async (p) => {
      const { picture, ...mask } = await decode(p);
      return {
        ...picture,
        ...mask,
        prompt: texts[p],
        seed: job.seed === undefined ? undefined : job.seed + first + p,
      };
    });
  }

  /** Calls the user's function; another task that it starts and waits for would never get its turn. */
  private callBack<T>(callback: () => T): T {
    this.insideCallback = true;
    try {
      return callback();
    } finally {
      this.insideCallback = false;
    }
  }

  /** Runs a task of this model when its turn comes. */
  private take<T>(subject: string, signal: AbortSignal | undefined, task: () => Promise<T>): Promise<T> {
    if (this.insideCallback)
      return Promise.reject(
        new ArgumentError(
          `[${subject}] must not be called inside a callback of the same model, which it would wait for: call it afterwards`,
        ),
      );
    return this.turns.take(subject, signal, async () => {
      try {
        return await task();
      } catch (error) {
        // what a task stumbles over when the model is taken from under it says less than this
        if (this.destroyed && !(error instanceof AbortError)) this.checkAlive();
        throw error;
      }
    });
  }

  /** How pictures are made on this device. @throws OvertoneError `memory`. */
  private arrange(job: GenerateJob, ids: PromptIds): Chosen {
    const pictures = Math.min(job.batchSize, job.prompts.length);
    const longest = Math.max(ids.unconditional.length, ...[...ids.conditional.values()].map(({ length }) => length));
    const shape = text2imageShape(job, pictures, longest);
    const { config, device } = this.runtime;
    const isSmall = largestAtMost(config, shape) <= (device.planLimits.maxBufferSize ?? 0);
    return this.layouts.of(shape, pictures, isSmall, (source, memory) => pictureNeed(source, shape, memory));
  }

  private async openText2Image(
    shape: Text2ImageShape,
    layout: Arrangement,
    options: GenerateOptions,
  ): Promise<Text2Image> {
    this.layOut(layout, 'image2text');
    const has = this.text2image?.shape;
    const same = (['pictures', 'branches', 'timesteps'] as const).every((key) => has?.[key] === shape[key]);
    const encodes = !shape.encoder || (has?.encoder && sameGrid(has.encoder, shape.encoder));
    const sized = has && sameGrid(has.grid, shape.grid) && has.text >= shape.text && has.predicted >= shape.predicted;
    const fits = same && sized && encodes;
    if (this.text2image && fits) {
      this.text2image.onProgress = options.onLoad;
      return this.text2image;
    }
    this.text2image?.destroy();
    this.text2image = undefined;
    const { signal, onLoad: onProgress } = options;
    const runtime = { ...this.runtime, frugal: layout.frugal, bands: layout.bands };
    const model = await Text2Image.open(runtime, shape, { signal, onProgress, apart: layout.apart });
    return (this.text2image = this.ifAlive(model));
  }

  /** Where memory is limited, one task's sessions are open at a time, and those of another layout give way. */
  private layOut(layout: Arrangement, other: 'text2image' | 'image2text'): void {
    if (this.runtime.memory === undefined) return;
    const { frugal, apart, bands } = this.layout ?? {};
    const same = frugal === layout.frugal && apart === layout.apart && bands === layout.bands;
    for (const task of same ? [other] : (['text2image', 'image2text'] as const)) {
      this[task]?.destroy();
      this[task] = undefined;
    }
    this.layout = layout;
  }

  /** Describes a picture, or answers a question about it: text as it comes, whole characters only. The end token is not part of it. */
  async *describe(picture: Picture, options: DescribeOptions = {}): AsyncGenerator<string, void, undefined> {
    const { config, tokenizer } = this.runtime;
    checkPicture(picture);
    checkKeys('describe', options, DESCRIBE_KEYS);
    checkCallbacks('describe', options, ['onToken', 'onLoad']);
    if (options.question !== undefined && typeof options.question !== 'string')
      throw new ArgumentError(`[describe] question must be a text but is of type ${typeof options.question}`);
    const side = options.imageSize ?? config.mar.nativeImageSize;
    const grid = gridOf(config, side, side);
    const limit = options.maxNewTokens ?? MAX_NEW_TOKENS;
    if (!Number.isInteger(limit) || limit < 1 || limit > config.language.maxPositions)
      throw new ArgumentError(
        `[describe] maxNewTokens must be a whole number from 1 to ${config.language.maxPositions} but is ${shown(limit)}`,
      );
    const question = questionPrompt(tokenizer, config, options.question ?? config.question);
    const length = question.prefix.length + grid[0] * grid[1] + config.mar.bufferTokens + question.suffix.length;
    this.checkContext(length + limit);
    const shape = describeShape(grid, length, limit);
    const layout = this.layouts.of(shape, 1, true, (source, memory) => answerNeed(source, shape, memory));
    const prepared = prepare(picture, side);

    // the answer is made at its own pace, so a reader who stops reading keeps no turn
    const queue = new TextQueue();
    let wanted = true;
    const made = this.take('describe', options.signal, async () => {
      const model = await this.openImage2Text(shape, layout, options);
      await model.see(prepared, options.signal);
      const text = tokenizer.stream();
      const end = tokenizer.control(config.endToken);
      for await (const id of model.answer(question, limit, { signal: options.signal })) {
        this.callBack(() => options.onToken?.(id));
        const piece = id === end ? '' : text.push(id);
        if (piece) queue.push(piece);
        if (!wanted) break;
      }
      const rest = text.end();
      if (rest) queue.push(rest);
    });
    const ended = made.then(
      () => queue.end(),
      () => queue.end(),
    );
    try {
      yield* queue.read();
      await made;
    } finally {
      wanted = false;
      await ended;
    }
  }

  private async openImage2Text(
    shape: Image2Text['shape'],
    layout: Arrangement,
    options: DescribeOptions,
  ): Promise<Image2Text> {
    this.layOut(layout, 'text2image');
    const has = this.image2text?.shape;
    const fits = has && sameGrid(has.grid, shape.grid) && has.prompt >= shape.prompt && has.cache >= shape.cache;
    if (this.image2text && fits) {
      this.image2text.onProgress = options.onLoad;
      return this.image2text;
    }
    this.image2text?.destroy();
    this.image2text = undefined;
    const { signal, onLoad: onProgress } = options;
    const runtime = { ...this.runtime, frugal: layout.frugal, bands: layout.bands };
    const model = await Image2Text.open(runtime, shape, { signal, onProgress, apart: layout.apart });
    return (this.image2text = this.ifAlive(model));
  }

  /**
   * Times the variants of the kernels that a request of this size uses; no weight is loaded, and this model goes on as it is: what is found serves the
   * next one that is opened with it. Errors: ArgumentError, AbortError, GpuError.
   */
  tune(options: HarmonTuneOptions = {}): Promise<TuneResult> {
    return this.take('tune', options.signal, () => tune(this.device, tunedPasses(this.runtime, options), options));
  }

  private checkContext(positions: number): void {
    const limit = this.runtime.config.language.maxPositions;
    if (positions > limit)
      throw new ArgumentError(
        `[context] prompt, picture and answer must fit ${limit} positions but take ${positions}: choose a smaller picture, a shorter text or fewer new tokens`,
      );
  }

  private checkAlive(): void {
    if (this.destroyed) throw gone();
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
    this.turns.close(gone());
    this.text2image?.destroy();
    this.image2text?.destroy();
    this.text2image = undefined;
    this.image2text = undefined;
    this.runtime.weights.destroy();
    this.runtime.watch?.destroy();
  }
}

function gone(): ArgumentError {
  return new ArgumentError('[harmon] the model must live until its tasks end but was destroyed: open it again');
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
