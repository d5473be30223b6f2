/**
 * Text to image: the masked loop. Each iteration runs the MAR encoder over what is visible, the language model over the cached prompt, the
 * MAR decoder, and the diffusion sampler for the tokens whose turn it is. Order and noise come from the host, so no iteration waits for
 * the GPU. In an edit, tokens outside the orders are given: visible from the first iteration on, and never written.
 */
import { ArgumentError, type Plan, type Stream, samplerFits } from '../engine/index.ts';
import { sinusoids } from './diffusion_head.ts';
import {
  type GenerateShape,
  decodeGraph,
  encodeGraph,
  iterationGraph,
  modulationGraph,
  placeGraph,
  stepGraph,
  textGraph,
  timeGraph,
} from './graphs.ts';
import { allFinite, notFinite } from './finite.ts';
import { type Picture, fromPixels, toPixels } from './image.ts';
import type { PaddedRows } from './prompts.ts';
import { type Randomness, checkNoise } from './random.ts';
import type { GenerateJob } from './request.ts';
import { type EnterOptions, Residence } from './residence.ts';
import {
  type OnProgress,
  type PlanSource,
  type Runtime,
  compileFor,
  compilePicture,
  positionTable,
} from './runtime.ts';
import { type DiffusionSchedule, type Iteration, diffusionSchedule } from './schedule.ts';

export type GeneratePass = 'text' | 'iteration' | 'time' | 'modulations' | 'step' | 'place' | 'decode' | 'encode';
type Pass = GeneratePass;

const LOOP: readonly Pass[] = ['text', 'iteration', 'time', 'modulations', 'step', 'place'];

/** The passes that lie on the device together: all, or `apart` only those of the loop, or one half of the VAE. */
export function generateGroups(apart: boolean, encodes: boolean): readonly (readonly Pass[])[] {
  const own: readonly (readonly Pass[])[] = [...(encodes ? [['encode'] as const] : []), LOOP, ['decode']];
  return apart ? own : [own.flat()];
}

/** Modulations of all rows for one chunk of timesteps may take this much memory. */
const CHUNK_BYTES = 64 * 1024 * 1024;

/** Timesteps that one dispatch takes where the sampler is one kernel: few enough that a run can be cancelled in between. */
const STEPS = 10;

/** Sizes that the caller chooses; how timesteps are grouped follows from them. */
export type Text2ImageShape = Omit<GenerateShape, 'chunk' | 'steps'>;

/** What one run makes, beyond its shape. */
export interface Text2ImageJob {
  /** Conditional rows, then unconditional ones when there is guidance. */
  readonly prompts: PaddedRows;
  readonly iterations: readonly Iteration[];
  readonly temperature: number;
  /** Tokens of each picture that are made, by the order's end first (`drawOrders`). All others must be given. */
  readonly orders: readonly Uint32Array[];
  readonly randomness: Pick<Randomness, 'noise'>;
  /** Scaled latents (b·N, tokenDim) that tokens start with; zeros without. */
  readonly given?: Float32Array<ArrayBuffer>;
  /** Iterations that `given` already holds; 0 without. */
  readonly done?: number;
  readonly signal?: AbortSignal;
  /** Called after each iteration has been handed to the GPU; `settle` waits until it is done there. */
  readonly onIteration?: (k: number, settle: () => Promise<void>) => void | Promise<void>;
}

export class Text2Image {
  private timesWritten = false;

  private constructor(
    private readonly runtime: Runtime,
    readonly shape: GenerateShape,
    private readonly set: Residence<Pass>,
    private readonly schedule: DiffusionSchedule,
    /** Told of weights that a later pass loads. */
    public onProgress?: OnProgress,
  ) {}

  /**
   * Compiles the graphs of `shape`, loads their weights and makes their sessions; where passes lie `apart`, each part when it is needed.
   * `keep` names intermediates that `read` can fetch.
   */
  static async open(
    runtime: Runtime,
    shape: Text2ImageShape,
    options: { signal?: AbortSignal; onProgress?: OnProgress; keep?: readonly string[]; apart?: boolean } = {},
  ): Promise<Text2Image> {
    const { apart = false, keep, ...enter } = options;
    const { full, plans } = text2imagePlans(runtime, shape, keep);
    const groups = generateGroups(apart, shape.encoder !== undefined);
    const set = new Residence(runtime, plans, { groups, carry: ['tokens'] });
    const model = new Text2Image(runtime, full, set, diffusionSchedule(shape.timesteps), options.onProgress);
    try {
      if (!apart) await model.enter('iteration', enter);
    } catch (error) {
      set.destroy();
      throw error;
    }
    return model;
  }

  /** Brings a pass onto the device. Whether it has come just now. */
  private async enter(pass: Pass, { signal, onProgress = this.onProgress }: EnterOptions = {}): Promise<boolean> {
    const isNew = await this.set.enter(pass, { signal, onProgress });
    if (!isNew || !this.set.group.includes('iteration')) return isNew;
    this.timesWritten = false;
    await this.writeTables();
    return true;
  }

  private async writeTables(): Promise<void> {
    const { device } = this.runtime;
    const tables = await Promise.all(
      (['encoder', 'decoder', 'diffusion'] as const).map(
        async (part) => [`${part}_positions`, await positionTable(this.runtime, part, this.shape.grid)] as const,
      ),
    );
    await device.scope('position tables', () => {
      for (const [name, table] of tables) device.gpu.queue.writeBuffer(this.set.buffer(name).gpu, 0, table);
    });
  }

  /** Runs the loop: afterwards the tokens of all pictures are there, to be decoded. */
  async run(job: Text2ImageJob): Promise<void> {
    const { device } = this.runtime;
    const { pictures } = this.shape;
    const none = () => new Float32Array(pictures * this.tokens * this.runtime.config.mar.tokenDim);
    await this.enter('iteration', job);
    const stream = device.stream('text2image', job.signal);
    try {
      stream.write(this.set.buffer('tokens'), job.given ?? none());
      await this.prefill(stream, job.prompts);
      for (const [k, iteration] of job.iterations.entries()) {
        if (k < (job.done ?? 0)) continue;
        // a preview may have sent the loop away; its tokens come back with it
        if (await this.enter('iteration', job)) await this.prefill(stream, job.prompts);
        await this.iterate(stream, job, k, iteration);
        await job.onIteration?.(k, () => stream.drain());
      }
      await stream.finish();
      this.timesWritten = this.set.group.includes('time');
    } catch (error) {
      await stream.abandon();
      throw error;
    }
  }

  private get tokens(): number {
    return this.shape.grid[0] * this.shape.grid[1];
  }

  /** Prompts into the cache; time embeddings once. */
  private async prefill(stream: Stream, prompts: PaddedRows): Promise<void> {
    const { pictures, branches, text } = this.shape;
    if (prompts.rows !== pictures * branches || prompts.length > text)
      throw new ArgumentError(
        `[text2image] prompts must be ${pictures * branches} rows of at most ${text} ids but are ${prompts.rows} of ${prompts.length}`,
      );
    const write = (name: string, data: ArrayBufferView<ArrayBuffer>) => stream.write(this.set.buffer(name), data);
    if (!this.timesWritten) {
      write('sinusoids', sinusoids([...this.schedule.timesteps].reverse()));
      await this.set.get('time').encode(stream);
    }
    write('ids', new Uint32Array(prompts.ids));
    write('text_past', new Uint32Array(prompts.rows));
    write('past', Uint32Array.from(prompts.lengths));
    await this.set.get('text').encode(stream, { text: prompts.length });
  }

  private async iterate(stream: Stream, job: Text2ImageJob, k: number, iteration: Iteration): Promise<void> {
    const { branches, timesteps, chunk, steps = 1, pictures } = this.shape;
    const inputs = iterationInputs(this.shape, this.runtime.config.mar.bufferTokens, job.orders, iteration);
    for (const [name, data] of Object.entries(inputs)) stream.write(this.set.buffer(name), data);
    const { predicted } = iteration;
    const noise = Array.from({ length: pictures }, (_, p) =>
      checkNoise(job.randomness.noise(p, k, timesteps, predicted), timesteps, predicted),
    );
    const { start, added } = noiseRows(noise, timesteps, branches);
    stream.write(this.set.buffer('x'), start);
    stream.write(this.set.buffer('noise'), added);
    stream.write(this.set.buffer('coefficients'), coefficients(this.schedule, iteration.guidance, job.temperature));

    const visible = this.tokens - iteration.masked;
    await this.set.get('iteration').encode(stream, { visible, predicted });
    for (let from = 0; from < timesteps; from += chunk) {
      const count = Math.min(chunk, timesteps - from);
      await this.set.get('modulations').encode(stream, { start: from, count, predicted });
      for (let local = 0; local < count; local += steps)
        await this.set
          .get('step')
          .encode(stream, { step: from + local, local, steps: Math.min(steps, count - local), predicted });
    }
    await this.set.get('place').encode(stream, { predicted });
  }

  /** The picture that the tokens of picture number `picture` decode to. Errors: OvertoneError `numerics` where it is none. */
  async decode(picture: number, signal?: AbortSignal): Promise<Picture> {
    const [m, n] = this.shape.grid;
    const pixels = await this.decodeRaw(picture, signal);
    if (!allFinite(pixels)) throw notFinite('generate', 'the pixels of a picture');
    return fromPixels(pixels, 16 * n, 16 * m);
  }

  /** The same before clamping: f32 (16m, 16n, 3). */
  async decodeRaw(picture: number, signal?: AbortSignal): Promise<Float32Array<ArrayBuffer>> {
    await this.enter('decode', { signal });
    const stream = this.runtime.device.stream('vae_decoder', signal);
    try {
      await this.set.get('decode').encode(stream, { picture });
      await stream.finish();
    } catch (error) {
      await stream.abandon();
      throw error;
    }
    return this.set.get('decode').read('image');
  }

  /** Scaled latents (m·n, tokenDim) of a picture of exactly the size of the shape's encoder. */
  async encode(picture: Picture, signal?: AbortSignal): Promise<Float32Array<ArrayBuffer>> {
    await this.enter('encode', { signal });
    const stream = this.runtime.device.stream('vae_encoder', signal);
    try {
      stream.write(this.set.buffer('pixels'), new Float32Array(toPixels(picture)));
      await this.set.get('encode').encode(stream);
      await stream.finish();
    } catch (error) {
      await stream.abandon();
      throw error;
    }
    return this.set.get('encode').read('latents');
  }

  /** Scaled latents of all pictures, (b·N, tokenDim). */
  async readTokens(): Promise<Float32Array<ArrayBuffer>> {
    const { group } = this.set;
    return this.set.get(group.includes('place') ? 'place' : 'decode').read('tokens');
  }

  /** Runs the pass of an iteration again for every token, so that kept intermediates hold all rows; changes nothing else. */
  async replay(orders: readonly Uint32Array[], { masked }: Pick<Iteration, 'masked'>): Promise<void> {
    const { pictures, branches } = this.shape;
    const stream = this.runtime.device.stream('replay');
    const inputs = iterationInputs(this.shape, this.runtime.config.mar.bufferTokens, orders, { masked, remaining: 0 });
    const all = Uint32Array.from({ length: pictures * branches * this.tokens }, (_, i) => i % this.tokens);
    const buffers = this.runtime.config.mar.bufferTokens;
    const row = (i: number) => Math.floor(i / this.tokens) * (buffers + this.tokens) + buffers + (i % this.tokens);
    const others = new Uint32Array(pictures * branches).fill(buffers);
    Object.assign(inputs, { chosen_index: all.map((_, i) => row(i)), chosen_position: all, others });
    for (const [name, data] of Object.entries(inputs)) stream.write(this.set.buffer(name), data);
    await this.set.get('iteration').encode(stream, { visible: this.tokens - masked, predicted: this.tokens });
    await stream.finish();
  }

  /** A kept intermediate of the last iteration. */
  async read(name: string): Promise<Float32Array<ArrayBuffer>> {
    return this.set.get('iteration').read(name);
  }

  destroy(): void {
    this.set.destroy();
  }
}

/** The plans of `shape`, and the sizes that follow from it. `keep` names intermediates of an iteration that can be read. */
export function text2imagePlans(
  source: PlanSource,
  shape: Text2ImageShape,
  keep?: readonly string[],
): { full: GenerateShape; plans: Record<Pass, Plan> } {
  const { config } = source;
  const { encoder } = shape;
  const chunk = chunkOf(source, shape);
  const full = { ...shape, chunk, steps: isOneKernel(source) ? Math.min(STEPS, chunk) : undefined };
  const plans = {
    text: compileFor(source, textGraph(config, full)),
    iteration: compileFor(source, iterationGraph(config, full), keep),
    time: compileFor(source, timeGraph(config, shape.timesteps)),
    modulations: compileFor(source, modulationGraph(config, full)),
    step: compileFor(source, stepGraph(config, full)),
    place: compileFor(source, placeGraph(config, full)),
    decode: compilePicture(source, () => decodeGraph(config, shape.grid, shape.pictures)),
    ...(encoder && { encode: compilePicture(source, () => encodeGraph(config, encoder)) }),
  } as Record<Pass, Plan>;
  return { full, plans };
}

/** The shape of `pictures` at once of a job whose longest prompt has `text` ids. */
export function text2imageShape(
  { grid, branches, timesteps, iterations, edit }: GenerateJob,
  pictures: number,
  text: number,
): Text2ImageShape {
  return {
    grid,
    pictures,
    branches,
    text: Math.ceil(text / 32) * 32,
    timesteps,
    predicted: Math.max(...iterations.map((i) => i.predicted)),
    encoder: edit?.encoder,
  };
}

/** As many timesteps as fit the budget; all of them for small models. */
function chunkOf({ config }: PlanSource, shape: Text2ImageShape): number {
  const { width, blocks } = config.diffusion;
  const rows = shape.branches * shape.pictures * shape.predicted;
  const bytes = rows * width * (3 * blocks + 4) * 4;
  return Math.max(1, Math.min(shape.timesteps, Math.floor(CHUNK_BYTES / bytes)));
}

/** Whether the sampler is one kernel on this device. */
const isOneKernel = ({ config: { diffusion, mar }, device }: PlanSource): boolean =>
  samplerFits(device.planLimits, { W: diffusion.width, C: mar.tokenDim });

/** The index lists of one iteration; formulas in the graph's inputs. */
export function iterationInputs(
  shape: Pick<GenerateShape, 'grid' | 'pictures' | 'branches'>,
  buffers: number,
  orders: readonly Uint32Array[],
  { masked, remaining }: Pick<Iteration, 'masked' | 'remaining'>,
): Record<string, Uint32Array<ArrayBuffer>> {
  const { pictures: b, branches } = shape;
  const N = shape.grid[0] * shape.grid[1];
  const visible = orders.map((order) => visibleOf(order, masked, N));
  const chosen = orders.map((order) => order.slice(remaining, masked).sort());
  const V = visible[0].length;
  const length = buffers + V;
  const batch = b * branches;
  const list = (rows: number, columns: number, at: (row: number, column: number) => number) =>
    Uint32Array.from({ length: rows * columns }, (_, i) => at(Math.floor(i / columns), i % columns));
  const placeInDecoder = visible.map((tokens) => {
    const place = new Uint32Array(N); // 0: masked
    tokens.forEach((g, i) => (place[g] = buffers + i + 1));
    return place;
  });
  const R = chosen[0].length;
  return {
    encoder_index: list(b, length, (p, i) => (i < buffers ? 0 : 1 + p * N + visible[p][i - buffers])),
    encoder_position: list(b, length, (p, i) => (i < buffers ? i : buffers + visible[p][i - buffers])),
    // the language model sees visible tokens first, buffer tokens last
    to_language: list(batch, length, (row, i) => (row % b) * length + ((i + buffers) % length)),
    from_language: list(batch, length, (row, i) => row * length + ((i + V) % length)),
    both_branches: list(batch, length, (row, i) => (row % b) * length + i),
    decoder_index: list(batch, buffers + N, (row, i) => {
      const place = i < buffers ? i + 1 : placeInDecoder[row % b][i - buffers];
      return place === 0 ? 0 : row * length + place;
    }),
    chosen_index: list(batch, R, (row, i) => row * (buffers + N) + buffers + chosen[row % b][i]),
    chosen_position: list(batch, R, (row, i) => chosen[row % b][i]),
    others: new Uint32Array(batch).fill(buffers + N - R),
    place: list(b, R, (p, i) => p * N + chosen[p][i]),
  };
}

/** Tokens that are not among the first `masked` of the order, ascending. */
function visibleOf(order: Uint32Array, masked: number, N: number): Uint32Array {
  const hidden = new Uint8Array(N);
  for (let i = 0; i < masked; i++) hidden[order[i]] = 1;
  return Uint32Array.from({ length: N }, (_, g) => g).filter((g) => !hidden[g]);
}

/** Noise of each picture (S, R, C) → the start of both branches (branches·b·R, C) and what is added after each step (S, b·R, C). */
function noiseRows(noise: readonly Float32Array[], steps: number, branches: number) {
  const block = noise[0].length / steps; // R·C
  const width = noise.length * block;
  const start = new Float32Array(branches * width);
  const added = new Float32Array(steps * width); // nothing is added after the last step
  noise.forEach((own, p) => {
    for (let branch = 0; branch < branches; branch++) start.set(own.subarray(0, block), branch * width + p * block);
    for (let s = 1; s < steps; s++) added.set(own.subarray(s * block, (s + 1) * block), (s - 1) * width + p * block);
  });
  return { start, added };
}

/** Rows for `diffusionUpdate`, in the order of sampling: from the noisiest timestep down. */
function coefficients(s: DiffusionSchedule, guidance: number, temperature: number): Float32Array<ArrayBuffer> {
  const out = new Float32Array(s.steps * 8);
  for (let step = 0; step < s.steps; step++) {
    const i = s.steps - 1 - step;
    out.set(
      [
        s.signal[i],
        s.noise[i],
        s.fromStart[i],
        s.fromNow[i],
        s.logVarianceMin[i],
        s.logVarianceMax[i],
        guidance,
        i === 0 ? 0 : temperature,
      ],
      step * 8,
    );
  }
  return out;
}
