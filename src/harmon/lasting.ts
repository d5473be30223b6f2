/**
 * A model that outlives its GPU devices. After a loss it is opened again on a fresh device, and the task at work goes on: a picture from its last
 * iteration, an answer from its last word, with the same bits. Losses that follow each other within a minute are answered after ever longer pauses.
 */
import { AbortError, GpuError, throwIfAborted } from '../engine/index.ts';
import type { DescribeOptions, GeneratedPicture, Harmon } from './harmon.ts';
import type { Picture } from './image.ts';
import type { GenerateOptions } from './request.ts';
import type { GenerateState } from './resume.ts';

/** A loss that is being answered. */
export interface Loss {
  readonly error: GpuError;
  /** Seconds until the model is opened again; 0 after a loss that stands alone. */
  readonly pause: number;
}

export interface LastingOptions {
  /** Opens the model on a fresh device; what is left of the one before may be given back first. */
  readonly open: () => Promise<Harmon>;
  readonly now: () => number;
  readonly sleep: (ms: number) => Promise<void>;
  readonly onLoss?: (loss: Loss) => void;
  readonly onOpen?: () => void;
  /** No further try is made until a task is started; also where no task waits any more. */
  readonly onGiveUp?: (error: Error) => void;
}

/** Seconds before another try, after losses within a minute. After the last one the loss is the caller's. */
const PAUSES = [0, 2, 10, 30, 60, 120];
const MINUTE = 60_000;

export class LastingHarmon implements Pick<Harmon, 'generate' | 'describe'> {
  private reviving: Promise<void> | undefined;
  private opened: number;
  private losses = 0;
  /** The loss that no try could mend. */
  private broken: GpuError | undefined;

  /** Takes an open model, of which `options.open` makes further ones. */
  constructor(
    private harmon: Harmon,
    private readonly options: LastingOptions,
  ) {
    this.opened = options.now();
  }

  /** The model of now. */
  get model(): Harmon {
    return this.harmon;
  }

  /** As `Harmon.generate`. */
  async generate(options: GenerateOptions): Promise<GeneratedPicture[]> {
    let state: GenerateState | undefined = options.resume;
    const onIteration: GenerateOptions['onIteration'] = async (progress) => {
      state = await progress.state();
      await options.onIteration?.(progress);
    };
    return this.lasting(options.signal, (harmon) => harmon.generate({ ...options, onIteration, resume: state }));
  }

  /** As `Harmon.describe`. The answer is decoded again up to its last word; nothing is told twice. */
  async *describe(picture: Picture, options: DescribeOptions = {}): AsyncGenerator<string, void, undefined> {
    let told = 0;
    let tokens = 0;
    for (;;) {
      let skip = told;
      let token = 0;
      const onToken = (id: number) => {
        if (++token <= tokens) return;
        tokens = token;
        options.onToken?.(id);
      };
      const { harmon } = this;
      try {
        for await (const piece of harmon.describe(picture, { ...options, onToken })) {
          const fresh = piece.slice(Math.min(skip, piece.length));
          skip -= piece.length - fresh.length;
          told += fresh.length;
          if (fresh) yield fresh;
        }
        return;
      } catch (error) {
        await this.revive(harmon, error, options.signal);
      }
    }
  }

  private async lasting<T>(signal: AbortSignal | undefined, task: (harmon: Harmon) => Promise<T>): Promise<T> {
    for (;;) {
      const { harmon } = this;
      try {
        return await task(harmon);
      } catch (error) {
        await this.revive(harmon, error, signal);
      }
    }
  }

  /** After `error` of a task on `lost`: a model to go on with, opened once for all tasks. Errors: `error` itself where it is no loss; AbortError. */
  private async revive(lost: Harmon, error: unknown, signal?: AbortSignal): Promise<void> {
    if (error instanceof AbortError) throw error;
    if (this.harmon !== lost) return; // taken from under the task, whatever it says
    if (!this.reviving) {
      const cause = isLoss(error) ? error : this.broken; // a model that was given up refuses every task
      if (!cause) throw error;
      this.reviving = this.reopen(cause).finally(() => (this.reviving = undefined));
    }
    await unlessAborted(this.reviving, signal);
  }

  private async reopen(error: GpuError): Promise<void> {
    const { now, sleep, onLoss, onOpen, onGiveUp, open } = this.options;
    if (now() - this.opened > MINUTE) this.losses = 0;
    this.broken = error;
    try {
      for (;;) {
        const pause = PAUSES[this.losses++];
        if (pause === undefined) throw this.broken;
        onLoss?.({ error: this.broken, pause });
        if (pause > 0) await sleep(pause * 1000);
        try {
          this.harmon = await open();
          break;
        } catch (thrown) {
          if (!isLoss(thrown)) throw thrown;
          this.broken = thrown;
        }
      }
    } catch (thrown) {
      this.losses = 0;
      onGiveUp?.(thrown as Error);
      throw thrown;
    }
    this.broken = undefined;
    this.opened = now();
    onOpen?.();
  }
}

/** A device that is gone, or one that cannot be had for now. */
const isLoss = (error: unknown): error is GpuError =>
  error instanceof GpuError && (error.kind === 'lost' || error.kind === 'no-adapter');

/** Whoever cancels stops waiting; for the others it goes on. */
function unlessAborted(promise: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    throwIfAborted(signal, 'device');
    const leave = () => reject(new AbortError('device', { cause: signal?.reason }));
    signal?.addEventListener('abort', leave);
    promise.then(resolve, reject).finally(() => signal?.removeEventListener('abort', leave));
  });
}
