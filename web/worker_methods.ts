/** What a worker that holds a model answers: opening it, its two tasks, and what the device holds. */
import { ArgumentError, type Device } from '../src/engine/index.ts';
import {
  type DescribeOptions,
  type GenerateOptions,
  type GenerateProgress,
  type GenerateState,
  Harmon,
  type HarmonConfig,
  type Picture,
  type MemoryOptions,
} from '../src/harmon/index.ts';
import { identifyModel } from '../src/harmon/model_hash.ts';
import { settledForm } from '../src/harmon/planned.ts';
import type { OpenModel } from '../src/harmon/open.ts';
import type { ModelIdentity } from '../src/harmon/record.ts';
import { browserHost, ensureIn, verifyIn } from './cache.ts';
import { type DeviceInfo, type MemoryUse, deviceInfo, memoryUse, openDevice } from './device.ts';
import { type FileSet, type OpenFilesOptions, embeddedFiles, openModelFiles } from './files.ts';
import type { OpenModelOptions } from './model.ts';
import { Phases, type Timings } from './phases.ts';
import { type Emit, type RecoveringModel, lastingModel } from './recovery.ts';
import { Moved } from './rpc/messages.ts';
import { type SentSource, filesOf } from './source.ts';
import type { Call, Method } from './rpc/serve.ts';

export interface OpenArgs extends Pick<OpenModelOptions, 'quantise' | 'memory' | 'fit'> {
  readonly source: SentSource;
  /** Addresses of the embedded model's files, which the page knows. */
  readonly urls: Readonly<Record<string, string>>;
}

/** Options as they are sent; `task` names the run to whoever asks for its previews. */
export interface GenerateArgs {
  readonly task: number;
  readonly options: Omit<GenerateOptions, 'signal' | 'onIteration' | 'onLoad' | 'randomness'>;
}
export interface DescribeArgs {
  readonly picture: Picture;
  readonly options: Omit<DescribeOptions, 'signal' | 'onToken' | 'onLoad'>;
}

/** Items of a run. Only iterations and pieces of text are waited with. */
export type GenerateItem =
  | { readonly loaded: { readonly loadedBytes: number; readonly totalBytes: number } }
  | { readonly iteration: Omit<GenerateProgress, 'preview' | 'state'> };
export type DescribeItem =
  { readonly loaded: { loadedBytes: number; totalBytes: number } } | { readonly token: number };

export interface LostEvent {
  readonly reason: string;
  readonly message: string;
}

/** `emit` tells the page what belongs to no call. */
export function modelMethods(emit: Emit): Record<string, Method> {
  let opened:
    { files: FileSet; model: OpenModel; memory: MemoryOptions; form?: ReturnType<typeof settledForm> } | undefined;
  let device: Device | undefined;
  let recovering: RecoveringModel | undefined;
  const runs = new Map<number, GenerateProgress>();
  const phases = new Phases();

  const alive = <T>(value: T | undefined): T => {
    if (value === undefined) throw new ArgumentError('[worker] a model must be open but none is: open it first');
    return value;
  };
  const running = (task: number): GenerateProgress => {
    const run = runs.get(task);
    if (!run) throw new ArgumentError('[preview] must be asked for while its run lasts, which has ended');
    return run;
  };
  const close = () => {
    recovering?.lasting.model.destroy();
    const gone = device;
    recovering = device = undefined;
    gone?.destroy();
  };
  /** Puts the open files on a device of their own. */
  const onDevice = async (): Promise<Harmon> => {
    const files = alive(opened);
    const fresh = await openDevice();
    device = fresh;
    void fresh.gpu.lost.then(({ reason, message }) => {
      if (device === fresh) emit('lost', { reason, message });
    });
    const { model, memory } = files;
    files.form ??= settledForm(memory, model.config, model.weights, fresh.planLimits); // a later device goes on in the same form
    return Harmon.open({ ...model, ...files.form, device: fresh });
  };
  const start = async (): Promise<HarmonConfig> => {
    close();
    try {
      recovering = lastingModel(await onDevice(), {
        open: () => {
          recovering?.lasting.model.destroy();
          device?.destroy();
          return onDevice();
        },
        emit,
      });
    } catch (error) {
      close();
      throw error;
    }
    phases.mark('device');
    return alive(opened).model.config;
  };

  return {
    async open({ source, urls, ...memory }: OpenArgs, { signal, tell }: Call): Promise<HarmonConfig> {
      phases.start('open');
      const options = { signal, onProgress: tell };
      const files = await filesOf(source, urls, options, ensureHere);
      try {
        const model = await openModelFiles(files, embeddedFiles(urls), options);
        opened = { files, model, memory };
      } catch (error) {
        files.release?.();
        throw error;
      }
      phases.mark('files');
      return start();
    },

    /** A fresh device and the model on it; the files stay open. */
    reopen(): Promise<HarmonConfig> {
      phases.start('open');
      return start();
    },

    /** Ends the pause before the model is opened again. */
    hurry: (): void => recovering?.hurry(),

    async generate({ task, options }: GenerateArgs, { signal, tell, send }: Call) {
      phases.start('generate');
      try {
        const pictures = await alive(recovering).lasting.generate({
          ...options,
          signal,
          onLoad: (loaded) => tell({ loaded } satisfies GenerateItem),
          onIteration: ({ preview, state, ...iteration }) => {
            phases.mark(iteration.done === 1 ? 'load and first iteration' : 'iterations');
            runs.set(task, { ...iteration, preview, state });
            return send({ iteration } satisfies GenerateItem);
          },
        });
        phases.mark('decode');
        return new Moved(pictures, buffersOf(pictures));
      } finally {
        runs.delete(task);
      }
    },

    async preview({ task }: { task: number }) {
      const pictures = await running(task).preview();
      return new Moved(pictures, buffersOf(pictures));
    },

    state: ({ task }: { task: number }): Promise<GenerateState> => running(task).state(),

    async describe({ picture, options }: DescribeArgs, { signal, tell, send }: Call): Promise<void> {
      phases.start('describe');
      let first = true;
      const words = alive(recovering).lasting.describe(picture, {
        ...options,
        signal,
        onLoad: (loaded) => tell({ loaded } satisfies DescribeItem),
        onToken: (token) => {
          phases.mark(first ? 'load, picture and first word' : 'words');
          first = false;
          tell({ token } satisfies DescribeItem);
        },
      });
      for await (const piece of words) await send(piece);
    },

    identity(_: undefined, { signal }: Call): Promise<ModelIdentity> {
      const { model, form } = alive(opened);
      return identifyModel(
        { ...model, quantise: form?.quantise },
        (bytes) => crypto.subtle.digest('SHA-256', bytes),
        signal,
      );
    },
    deviceInfo: (): DeviceInfo => deviceInfo(alive(device)),
    memory: (): MemoryUse => memoryUse(alive(device)),
    timings: (): Timings => phases.all(),

    /** Loses the device as a driver would, for tests of what comes after. */
    loseDevice: (): void => alive(device).gpu.destroy(),

    /** Downloads a folder without opening it. */
    ensure: ({ url }: { url: string }, { signal, tell }: Call) => ensureHere(url, { signal, onProgress: tell }),
    verify: ({ url }: { url: string }, { signal, tell }: Call) =>
      verifyIn(browserHost(), url, { signal, onProgress: tell }),
  };
}

const ensureHere = (url: string, options: OpenFilesOptions) => ensureIn(browserHost(), url, options);

const buffersOf = (pictures: readonly Picture[]): ArrayBuffer[] => {
  const buffers = pictures.flatMap((picture) => {
    const { mask } = picture as { mask?: { data: Uint8Array } };
    return [picture.data.buffer, ...(mask ? [mask.data.buffer] : [])];
  });
  return [...new Set(buffers)] as ArrayBuffer[];
};
