/**
 * Image to text: a picture through the VAE encoder, the MAR encoder and proj_in into the prompt, then greedy decoding with a KV cache. The
 * chosen token, the repetition penalty and the embedding stay on the GPU; the host reads one id a step.
 */
import { ArgumentError, type Plan, type SessionSet } from '../engine/index.ts';
import { type DescribeShape, decodeStepGraph, prefillGraph, seeGraph } from './graphs.ts';
import { type Picture, toPixels } from './image.ts';
import { type OnProgress, type Runtime, compileFor, openSessions, positionTable } from './runtime.ts';

type Pass = 'see' | 'prefill' | 'decode_step';

/** Ids around the picture. */
export interface Question {
  readonly prefix: readonly number[];
  readonly suffix: readonly number[];
}

export class Image2Text {
  /** What lies encoded on the device. */
  private seen: Picture | undefined;

  private constructor(
    private readonly runtime: Runtime,
    readonly shape: DescribeShape,
    private readonly set: SessionSet<Pass>,
  ) {}

  /** Compiles the graphs of `shape`, loads their weights and makes their sessions. `keep` names intermediates that `read` can fetch. */
  static async open(
    runtime: Runtime,
    shape: DescribeShape,
    options: { signal?: AbortSignal; onProgress?: OnProgress; keep?: Partial<Record<Pass, readonly string[]>> } = {},
  ): Promise<Image2Text> {
    const { config, device } = runtime;
    const plans: Record<Pass, Plan> = {
      see: compileFor(runtime, seeGraph(config, shape.grid), options.keep?.see),
      prefill: compileFor(runtime, prefillGraph(config, shape), options.keep?.prefill),
      decode_step: compileFor(runtime, decodeStepGraph(config, shape), options.keep?.decode_step),
    };
    // the id that one step chooses is the next one's input
    const set = await openSessions(runtime, plans, { ...options, aliases: { token: 'next' } });
    try {
      const table = await positionTable(runtime, 'encoder', shape.grid);
      const [N, buffers] = [shape.grid[0] * shape.grid[1], config.mar.bufferTokens];
      const list = (at: (i: number) => number) => Uint32Array.from({ length: N + buffers }, (_, i) => at(i));
      const write = (name: string, data: ArrayBufferView<ArrayBuffer>) =>
        device.gpu.queue.writeBuffer(set.buffer(name).gpu, 0, data);
      await device.scope('picture indices', () => {
        write('encoder_positions', table);
        write(
          'encoder_index',
          list((i) => (i < buffers ? 0 : 1 + i - buffers)),
        );
        write(
          'encoder_position',
          list((i) => i),
        );
        write(
          'to_language',
          list((i) => (i + buffers) % (N + buffers)),
        );
      });
    } catch (error) {
      set.destroy();
      throw error;
    }
    return new Image2Text(runtime, shape, set);
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
  async *answer(question: Question, limit: number, signal?: AbortSignal): AsyncGenerator<number, void, undefined> {
    const { config, device } = this.runtime;
    const index = this.promptIndex(question, limit);
    const end = this.runtime.tokenizer.control(config.endToken);
    for (let k = 0; k < limit; k++) {
      const stream = device.stream(k === 0 ? 'prefill' : 'decode', signal);
      try {
        const write = (name: string, data: ArrayBufferView<ArrayBuffer>) => stream.write(this.set.buffer(name), data);
        write('past', Uint32Array.of(k === 0 ? 0 : index.length + k - 1));
        if (k === 0) {
          write('index', index);
          write('last', Uint32Array.of(index.length - 1));
          write('seen', new Uint32Array(config.language.vocabSize));
          await this.set.get('prefill').encode(stream, { prompt: index.length });
        } else await this.set.get('decode_step').encode(stream);
        await stream.finish();
      } catch (error) {
        await stream.abandon();
        throw error;
      }
      const [id] = await this.set.get('decode_step').readU32('next');
      yield id;
      if (id === end) return;
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
