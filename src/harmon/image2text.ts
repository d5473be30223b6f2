/**
 * Image to text: a picture through the VAE encoder, the MAR encoder and proj_in into the prompt, then greedy decoding with a KV cache. Position,
 * chosen token, repetition penalty and embedding stay on the GPU: several steps follow each other without the host, which reads their ids at once.
 */
import { ArgumentError, type Plan, type Stream, throwIfAborted } from '../engine/index.ts';
import { notFinite } from './finite.ts';
import { type DescribeShape, type Grid, decodeStepGraph, prefillGraph, seeGraph } from './graphs.ts';
import { type Picture, toPixels } from './image.ts';
import { Residence } from './residence.ts';
import {
  type OnProgress,
  type PlanSource,
  type Runtime,
  compileFor,
  compilePicture,
  positionTable,
} from './runtime.ts';

type Pass = 'see' | 'prefill' | 'decode_step';

/** Longest answer without another number. */
export const MAX_NEW_TOKENS = 1024;

/** Room for a prompt of `length` positions, picture included, and an answer of at most `limit` ids. */
export function describeShape(grid: Grid, length: number, limit: number): DescribeShape {
  const prompt = Math.ceil(length / 64) * 64;
  return { grid, prompt, cache: Math.ceil((prompt + limit) / 256) * 256 };
}

/** The id that one step chooses is the next one's input. */
export const DESCRIBE_ALIASES = { token: 'next' };

/** The passes that lie on the device together: all, or `apart` the picture's encoders and the language model. */
export function describeGroups(apart: boolean): readonly (readonly Pass[])[] {
  const own: readonly (readonly Pass[])[] = [['see'], ['prefill', 'decode_step']];
  return apart ? own : [own.flat()];
}

/** Steps are sent together for so long, milliseconds: words should come one by one, and a cancelled answer end soon. */
const TOGETHER_MS = 100;

/** What argmax writes where the logits are no numbers. */
const NO_ID = 0xffffffff;

/** Ids around the picture. */
export interface Question {
  readonly prefix: readonly number[];
  readonly suffix: readonly number[];
}

export interface AnswerOptions {
  readonly signal?: AbortSignal;
  /** Steps that are sent together; without, as many as fit a tenth of a second, and few while the answer is short. The ids are the same. */
  readonly together?: number;
}

export class Image2Text {
  /** What lies encoded on the device. */
  private seen: Picture | undefined;

  private constructor(
    private readonly runtime: Runtime,
    readonly shape: DescribeShape,
    private readonly set: Residence<Pass>,
    /** Told of weights that a later pass loads. */
    public onProgress?: OnProgress,
  ) {}

  /**
   * Compiles the graphs of `shape`, loads their weights and makes their sessions; where passes lie `apart`, each part when it is needed.
   * `keep` names intermediates that `read` can fetch.
   */
  static async open(
    runtime: Runtime,
    shape: DescribeShape,
    options: {
      signal?: AbortSignal;
      onProgress?: OnProgress;
      keep?: Partial<Record<Pass, readonly string[]>>;
      apart?: boolean;
    } = {},
  ): Promise<Image2Text> {
    const { apart = false, keep, signal, onProgress } = options;
    const plans = image2textPlans(runtime, shape, keep);
    const groups = describeGroups(apart);
    const set = new Residence(runtime, plans, { groups, aliases: DESCRIBE_ALIASES, carry: ['z_enc'] });
    const model = new Image2Text(runtime, shape, set, onProgress);
    try {
      if (!apart) await model.enter('see', signal);
    } catch (error) {
      set.destroy();
      throw error;
    }
    return model;
  }

  /** Brings a pass onto the device. */
  private async enter(pass: Pass, signal?: AbortSignal): Promise<void> {
    const isNew = await this.set.enter(pass, { signal, onProgress: this.onProgress });
    if (isNew && this.set.group.includes('see')) await this.writeIndices();
  }

  private async writeIndices(): Promise<void> {
    const { runtime, shape } = this;
    const table = await positionTable(runtime, 'encoder', shape.grid);
    const [N, buffers] = [shape.grid[0] * shape.grid[1], runtime.config.mar.bufferTokens];
    const list = (at: (i: number) => number) => Uint32Array.from({ length: N + buffers }, (_, i) => at(i));
    const lists = {
      encoder_positions: table,
      encoder_index: list((i) => (i < buffers ? 0 : 1 + i - buffers)),
      encoder_position: list((i) => i),
      to_language: list((i) => (i + buffers) % (N + buffers)),
    };
    await runtime.device.scope('picture indices', () => {
      for (const [name, data] of Object.entries(lists))
        runtime.device.gpu.queue.writeBuffer(this.set.buffer(name).gpu, 0, data);
    });
  }

  /** Encodes a picture of exactly the grid's size; it stays on the device for any number of questions, and is not encoded again. */
  async see(picture: Picture, signal?: AbortSignal): Promise<void> {
    const [m, n] = this.shape.grid;
    if (picture.height !== 16 * m || picture.width !== 16 * n)
      throw new ArgumentError(
        `[image2text] the picture must be ${16 * n}×${16 * m} pixels but is ${picture.width}×${picture.height}`,
      );
    if (this.seen?.data.every((byte, i) => byte === picture.data[i])) return;
    this.seen = undefined;
    await this.enter('see', signal);
    const stream = this.runtime.device.stream('image encoder', signal);
    try {
      stream.write(this.set.buffer('pixels'), new Float32Array(toPixels(picture)));
      await this.set.get('see').encode(stream);
      await stream.finish();
      this.seen = { ...picture, data: picture.data.slice() };
    } catch (error) {
      await stream.abandon();
      throw error;
    }
  }

  /** Ids of the answer, one after the other, the end token included; at most `limit`. */
  async *answer(
    question: Question,
    limit: number,
    { signal, together }: AnswerOptions = {},
  ): AsyncGenerator<number, void, undefined> {
    const { config, device } = this.runtime;
    const index = this.promptIndex(question, limit);
    const end = this.runtime.tokenizer.control(config.endToken);
    await this.enter('prefill', signal);
    let ids = await this.prefill(index, signal);
    let steps = together ?? 1;
    for (let made = 0; ;) {
      for (const id of ids) {
        throwIfAborted(signal, 'decode');
        if (id === NO_ID) throw notFinite('describe', 'the logits of a word');
        yield id;
        made++;
        if (id === end || made === limit) return;
      }
      const start = device.now();
      const count = Math.min(steps, limit - made);
      ids = await this.decode(index.length + made, count, signal);
      // what is decoded behind the end token is for nothing, so a short answer gets few steps at once
      const fit = Math.floor((TOGETHER_MS * count) / (device.now() - start));
      steps = together ?? Math.max(1, Math.min(fit, Math.max(2, made >> 2)));
    }
  }

  /** The prompt into the cache, and the first id of the answer. */
  private prefill(index: Uint32Array<ArrayBuffer>, signal: AbortSignal | undefined): Promise<Uint32Array> {
    return this.ids('prefill', index.length, 1, signal, async (stream) => {
      const write = (name: string, data: ArrayBufferView<ArrayBuffer>) => stream.write(this.set.buffer(name), data);
      write('past', Uint32Array.of(0));
      write('index', index);
      write('last', Uint32Array.of(index.length - 1));
      write('seen', new Uint32Array(this.runtime.config.language.vocabSize));
      await this.set.get('prefill').encode(stream, { prompt: index.length });
    });
  }

  /** The next `count` ids, the first of which gets position `first`. */
  private decode(first: number, count: number, signal: AbortSignal | undefined): Promise<Uint32Array> {
    return this.ids('decode', first, count, signal, async (stream) => {
      for (let i = 0; i < count; i++) await this.set.get('decode_step').encode(stream);
    });
  }

  /** What is encoded, and the `count` ids that it leaves from position `first` on; one wait for both. */
  private async ids(
    name: string,
    first: number,
    count: number,
    signal: AbortSignal | undefined,
    encode: (stream: Stream) => Promise<void>,
  ): Promise<Uint32Array> {
    const { device } = this.runtime;
    const stream = device.stream(name, signal);
    try {
      await encode(stream);
      stream.submit();
      const bytes = await device.read(this.set.buffer('ids'), 4 * first, 4 * count);
      await stream.finish();
      return new Uint32Array(bytes.buffer);
    } catch (error) {
      await stream.abandon();
      throw error;
    }
  }

  /** Rows of the vocabulary for text, rows behind it for the picture. */
  private promptIndex({ prefix, suffix }: Question, limit: number): Uint32Array<ArrayBuffer> {
    const { config } = this.runtime;
    const picture = this.shape.grid[0] * this.shape.grid[1] + config.mar.bufferTokens;
    const length = prefix.length + picture + suffix.length;
    if (length > this.shape.prompt || length + limit > this.shape.cache)
      throw new ArgumentError(
        `[image2text] prompt and answer must fit ${this.shape.cache} positions but take ${length} and ${limit}`,
      );
    const index = new Uint32Array(length);
    index.set(prefix);
    for (let i = 0; i < picture; i++) index[prefix.length + i] = config.language.vocabSize + i;
    index.set(suffix, prefix.length + picture);
    return index;
  }

  /** A kept intermediate or an output of a pass. */
  async read(pass: Pass, name: string): Promise<Float32Array<ArrayBuffer>> {
    return this.set.get(pass).read(name);
  }

  destroy(): void {
    this.set.destroy();
  }
}

/** The plans of `shape`; `keep` names intermediates of a pass that can be read. */
export function image2textPlans(
  source: PlanSource,
  shape: DescribeShape,
  keep?: Partial<Record<Pass, readonly string[]>>,
): Record<Pass, Plan> {
  const { config } = source;
  return {
    see: compilePicture(source, () => seeGraph(config, shape.grid), keep?.see),
    prefill: compileFor(source, prefillGraph(config, shape), keep?.prefill),
    decode_step: compileFor(source, decodeStepGraph(config, shape), keep?.decode_step),
  };
}
