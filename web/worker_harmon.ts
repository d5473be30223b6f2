/** Harmon in a worker, with the interface of the direct one. */
import { ArgumentError, GpuError, type OvertoneError } from '../src/engine/index.ts';
import type {
  DescribeOptions,
  FitRequest,
  GenerateOptions,
  GenerateProgress,
  GenerateState,
  GeneratedPicture,
  Harmon,
  HarmonConfig,
  MemoryOptions,
  Picture,
} from '../src/harmon/index.ts';
import { checkCallbacks } from '../src/harmon/request.ts';
import type { ModelIdentity } from '../src/harmon/record.ts';
import type { DeviceInfo, MemoryUse } from './device.ts';
import { embeddedUrls } from './embedded.ts';
import { WorkerError } from './errors.ts';
import type { OpenFilesOptions, OpenProgress } from './files.ts';
import { ownWorker, whenDead } from './own_worker.ts';
import type { Timings } from './phases.ts';
import type { RecoveringEvent } from './recovery.ts';
import { Client, type Heartbeat } from './rpc/client.ts';
import { type WireError, fromWire } from './rpc/errors.ts';
import { type ModelSource, type SentSource, sentSource } from './source.ts';
import type { DescribeArgs, DescribeItem, GenerateArgs, GenerateItem, LostEvent, OpenArgs } from './worker_methods.ts';

export interface OpenInWorkerOptions extends OpenFilesOptions, Omit<MemoryOptions, 'fit'> {
  readonly fit?: FitRequest;
  /** A worker that runs the package's `dist/web/worker.js`, or what makes one each time that one is needed; one of its own without. */
  readonly worker?: Worker | (() => Worker);
  /** How soon a silent worker counts as hung: 20 s without. */
  readonly heartbeat?: Heartbeat;
}

/** What `on` tells: the GPU device is lost; a task goes on with a fresh one, soon, now, or not at all; the worker is lost. */
export interface WorkerHarmonEvents {
  readonly lost: LostEvent;
  readonly recovering: RecoveringEvent;
  readonly recovered: undefined;
  readonly unrecovered: Error;
  readonly died: WorkerError;
}

/** Opens a model in a worker. @throws as `openModel`, and WorkerError when the worker cannot start. */
export async function openModelInWorker(source: ModelSource, options: OpenInWorkerOptions = {}): Promise<WorkerHarmon> {
  const model = new WorkerHarmon(sentSource(source), options);
  try {
    await model.restart(options);
    return model;
  } catch (error) {
    model.destroy();
    throw error;
  }
}

export class WorkerHarmon implements Pick<Harmon, 'config' | 'generate' | 'describe' | 'destroy'> {
  private worker: Worker | undefined;
  private client: Client | undefined;
  private opened: HarmonConfig | undefined;
  private destroyed = false;
  private insideCallback = false;
  private tasks = 0;
  private readonly listeners: { [E in keyof WorkerHarmonEvents]: Set<(value: WorkerHarmonEvents[E]) => void> } = {
    lost: new Set(),
    recovering: new Set(),
    recovered: new Set(),
    unrecovered: new Set(),
    died: new Set(),
  };

  /** Use `openModelInWorker`. */
  constructor(
    private readonly source: SentSource,
    private readonly options: OpenInWorkerOptions,
  ) {}

  get config(): HarmonConfig {
    if (!this.opened) throw new WorkerError('[worker] the model must be open but is not: wait until it is open');
    return this.opened;
  }

  /** Ends the worker, whatever it does, and opens the model in a new one: after its death, or to get everything back at once. */
  async restart(options: OpenFilesOptions = {}): Promise<void> {
    this.checkAlive();
    this.end(new WorkerError('[worker] the task must end before the worker is restarted but had not: start it again'));
    const { worker: given, heartbeat, quantise, memory, fit } = this.options;
    const worker = given instanceof Worker ? given : (given ?? ownWorker)();
    const client = new Client(worker, (error) => this.die(worker, error), heartbeat);
    this.worker = worker;
    this.client = client;
    whenDead(worker, (error) => this.die(worker, error));
    client.on<LostEvent>('lost', (lost) => this.tell('lost', lost));
    client.on<RecoveringEvent>('recovering', (event) => this.tell('recovering', event));
    client.on<undefined>('recovered', () => this.tell('recovered', undefined));
    client.on<WireError>('unrecovered', (error) => this.tell('unrecovered', fromWire(error)));
    const args: OpenArgs = { source: this.source, urls: embeddedUrls(), quantise, memory, fit };
    const { signal, onProgress } = options;
    const onItem = (progress: OpenProgress) => onProgress?.(progress);
    this.opened = await client.call<HarmonConfig>('open', args, { signal, onItem });
  }

  /** Opens a fresh device in the same worker after the old one was lost; the weights are read again from where they were. */
  async reopen(): Promise<void> {
    await this.ask<HarmonConfig>('reopen');
  }

  /** Where the model waits before it is opened again after a loss: opens it now. */
  hurry = (): Promise<void> => this.ask('hurry');

  /** As `Harmon.generate`; `randomness` cannot be sent. */
  async generate(options: GenerateOptions): Promise<GeneratedPicture[]> {
    if (typeof options !== 'object' || options === null)
      throw new ArgumentError(`[generate] options must be an object with a prompt but are ${String(options)}`);
    checkCallbacks('generate', options, ['onIteration', 'onLoad']);
    const { signal, onIteration, onLoad, randomness, ...sent } = options;
    if (randomness)
      throw new ArgumentError(
        '[generate] randomness must stay in its thread: give a seed, or open the model without a worker',
      );
    const client = this.ready('generate');
    const task = ++this.tasks;
    const onItem = (item: GenerateItem): void | Promise<void> => {
      if ('loaded' in item) return onLoad?.(item.loaded);
      const preview = () => client.call<Picture[]>('preview', { task });
      const state = () => client.call<GenerateState>('state', { task });
      const progress: GenerateProgress = { ...item.iteration, preview, state };
      return this.callBack(async () => onIteration?.(progress)).catch(unlessGone);
    };
    return client.call<GeneratedPicture[]>('generate', { task, options: sent } satisfies GenerateArgs, {
      signal,
      onItem,
    });
  }

  /** As `Harmon.describe`. */
  async *describe(picture: Picture, options: DescribeOptions = {}): AsyncGenerator<string, void, undefined> {
    checkCallbacks('describe', options, ['onToken', 'onLoad']);
    const { signal, onToken, onLoad, ...sent } = options;
    const args: DescribeArgs = { picture, options: sent };
    const tell = (item: DescribeItem) =>
      this.callBack(() => ('token' in item ? onToken?.(item.token) : onLoad?.(item.loaded)));
    const isItem = (item: unknown) => typeof item === 'string';
    yield* this.ready('describe').iterate<string>('describe', args, { signal, isItem, tell });
  }

  /** Which weights are open, as records of pictures name them. */
  identity = (): Promise<ModelIdentity> => this.ask('identity');

  /** The adapter, its features and its limits. */
  deviceInfo = (): Promise<DeviceInfo> => this.ask('deviceInfo');

  /** GPU bytes in use by purpose. */
  memory = (): Promise<MemoryUse> => this.ask('memory');

  /** Times of the phases of the last opening, picture and answer. */
  timings = (): Promise<Timings> => this.ask('timings');

  /** Destroys the GPU device behind the model's back, as a lost driver would: for tests of what comes after. */
  loseDevice = (): Promise<void> => this.ask('loseDevice');

  /** Listens to the loss of the device or of the worker; returns the way to stop. */
  on<E extends keyof WorkerHarmonEvents>(event: E, listener: (value: WorkerHarmonEvents[E]) => void): () => void {
    this.listeners[event].add(listener);
    return () => this.listeners[event].delete(listener);
  }

  /** Ends the worker: with it goes every byte on the device. */
  destroy(): void {
    this.destroyed = true;
    this.end(gone());
  }

  private async ask<T>(method: string): Promise<T> {
    this.checkAlive();
    return this.client!.call<T>(method);
  }

  /** For a task, which takes its turn. */
  private ready(subject: string): Client {
    this.checkAlive();
    if (this.insideCallback)
      throw new ArgumentError(
        `[${subject}] must not be called inside a callback of the same model, which it would wait for: call it afterwards`,
      );
    return this.client!;
  }

  private checkAlive(): void {
    if (this.destroyed) throw gone();
  }

  private callBack<T>(callback: () => T): T {
    this.insideCallback = true;
    try {
      return callback();
    } finally {
      this.insideCallback = false;
    }
  }

  /** The worker is of no more use: every call ends, and who listens is told once. */
  private die(worker: Worker, error: WorkerError): void {
    if (this.worker !== worker) return;
    this.end(error);
    this.tell('died', error);
  }

  private end(error: OvertoneError): void {
    this.client?.fail(error);
    this.worker?.terminate();
    this.worker = undefined;
  }

  private tell<E extends keyof WorkerHarmonEvents>(event: E, value: WorkerHarmonEvents[E]): void {
    for (const listener of [...this.listeners[event]]) listener(value);
  }
}

/** A callback that met the loss of the device, by a preview: the task meets it next, and goes on. */
function unlessGone(error: unknown): void {
  if (!(error instanceof GpuError && error.kind === 'lost')) throw error;
}

function gone(): ArgumentError {
  return new ArgumentError('[harmon] the model must live until its tasks end but was destroyed: open it again');
}
