/** What every command does with a model: open it, make pictures with it, describe pictures, and time each phase. */
import { AbortError, type Device } from '../../src/engine/index.ts';
import type {
  DescribeOptions,
  FitRequest,
  GenerateOptions,
  GeneratedPicture,
  Harmon,
  Picture,
} from '../../src/harmon/index.ts';
import { type HarmonConfig, harmonConfigs } from '../../src/harmon/index.ts';
import { gigabytes, needText } from '../../src/harmon/arrangement.ts';
import { openDevice } from '../device.ts';
import { type ModelFiles, type ModelPaths, harmonOf, openModelFiles } from '../model.ts';
import { tunedChoices } from '../tune_file.ts';
import { type CheckRangeOptions, beginCheck } from './check_range.ts';
import { type Progress, type Step, megabytes } from './progress.ts';
import { type Stopwatch, stopwatch } from './timing.ts';
import type { Size } from './values.ts';

/** What a command says of its model. */
export interface ModelOptions extends ModelPaths, CheckRangeOptions {
  /** Whether to use what `overtone tune` has found; yes without. */
  readonly tune?: boolean;
}

/** How a command meets the outside. */
export interface Context {
  readonly signal: AbortSignal;
  readonly progress: Progress;
  /** Results, to stdout. */
  print(text: string): void;
  /** Everything else, to stderr. */
  note(text: string): void;
}

/**
 * Opens the model's files, lets `plan` settle the request from their configuration or refuse it, opens a device, hands model and
 * plan to `use`, and gives everything back whatever happens.
 */
export async function withModel<Plan>(
  options: ModelOptions,
  context: Context,
  plan: (config: HarmonConfig, files: ModelFiles) => Plan | Promise<Plan>,
  use: (model: Harmon, planned: Plan, watch: Stopwatch) => Promise<void>,
): Promise<void> {
  const { signal, note } = context;
  const watch = stopwatch();
  let device = options.memory === undefined ? undefined : await openDevice(); // what fits depends on the device
  let files: ModelFiles | undefined;
  let model: Harmon | undefined;
  try {
    files = await openFiles(options, context, device?.planLimits);
    watch.mark('files');
    const { memory, need, quantise } = files;
    if (memory !== undefined && need) {
      const form = quantise === undefined ? 'as stored' : `in ${quantise}`;
      note(`With weights ${form} ${needText(need)}: ${gigabytes(need.total)} of ${gigabytes(memory)}.\n`);
    }
    const planned = await plan(files.config, files);
    const finishCheck = await beginCheck(options, files, context);
    device ??= await openDevice();
    if (signal.aborted) throw new AbortError('open', { cause: signal.reason });
    const choices = options.tune === false ? undefined : await tunedChoices(device);
    model = harmonOf(files, device, { ownsDevice: true, choices, checkRange: options.checkRange !== undefined });
    watch.mark('device');
    await use(model, planned, watch);
    await finishCheck(model);
  } finally {
    if (model) model.destroy();
    else device?.destroy();
    await files?.close();
  }
}

/** Opens a model's files; what is fetched first is shown. */
export async function openFiles(
  paths: ModelPaths,
  { signal, progress, note }: Context,
  limits?: Device['planLimits'],
): Promise<ModelFiles> {
  let step: Step | undefined;
  const onDownload = (done: number, total: number) => {
    step ??= progress.step('Downloading', total, megabytes);
    step.update(done);
    if (done < total) return;
    step.end();
    step = undefined;
  };
  return openModelFiles(paths, signal, { onDownload, onNote: note, limits });
}

/** Side in pixels that the reference works at: 512 for the published models, the native size for others. */
export function defaultSide(config: HarmonConfig): number {
  const isPublished = Object.values(harmonConfigs).some(({ name }) => name === config.name);
  return isPublished ? 512 : config.mar.nativeImageSize;
}

/** What must fit the memory of a command that describes pictures. */
export const describing =
  ({ imageSize, maxNewTokens }: { imageSize?: number; maxNewTokens: number }) =>
  (config: HarmonConfig): FitRequest => ({
    task: 'describe',
    imageSize: imageSize ?? defaultSide(config),
    maxNewTokens,
  });

/** What must fit the memory of a command that makes pictures and describes them. */
export const bothTasks =
  (imageSize?: Size) =>
  (config: HarmonConfig): FitRequest => ({ imageSize: imageSize ?? defaultSide(config) });

/** The options that a command has settled before it calls `makePictures`. */
export type PictureRequest = GenerateOptions &
  Required<Pick<GenerateOptions, 'iterations' | 'count' | 'batchSize' | 'seed'>>;

/** `generate` with its progress shown and its phases timed. */
export async function makePictures(
  model: Harmon,
  request: PictureRequest,
  context: Context,
  watch: Stopwatch,
): Promise<GeneratedPicture[]> {
  return (await makeSeries(model, [request], context, watch))[0];
}

/** The same for several requests in turn, as one piece of work. */
export async function makeSeries(
  model: Harmon,
  requests: readonly PictureRequest[],
  { signal, progress }: Context,
  watch: Stopwatch,
): Promise<GeneratedPicture[][]> {
  const lengths = requests.map((r) => r.iterations * Math.ceil(r.count / r.batchSize));
  const sum = (from: readonly number[]) => from.reduce((a, b) => a + b, 0);
  let loop: Step | undefined;
  const begin = () => (loop ??= progress.step('Iterations', sum(lengths)));
  const all: GeneratedPicture[][] = [];
  for (const [i, request] of requests.entries()) {
    const before = sum(lengths.slice(0, i));
    let isFirst = true;
    const pictures = await model.generate({
      ...request,
      signal,
      onLoad: i === 0 ? loadProgress(progress, (phase) => watch.mark(phase), begin) : undefined,
      onIteration({ done, total }) {
        begin().update(before + (done / total) * lengths[i]);
        if (isFirst) watch.mark('first_iteration');
        isFirst = false;
        if (done === total) watch.mark('other_iterations');
      },
    });
    watch.mark('decode');
    all.push(pictures);
  }
  progress.stop();
  return all;
}

export interface Description {
  readonly text: string;
  /** The end token included. */
  readonly ids: readonly number[];
}

/** `describe` with its phases timed; `onText` gets the text as it comes. */
export async function describePicture(
  model: Harmon,
  picture: Picture,
  options: DescribeOptions,
  { signal, progress }: Context,
  watch: Stopwatch,
  onText: (text: string) => void,
): Promise<Description> {
  const ids: number[] = [];
  let text = '';
  const words = model.describe(picture, {
    ...options,
    signal,
    onLoad: loadProgress(
      progress,
      (phase) => watch.mark(phase),
      () => undefined,
    ),
    onToken(id) {
      if (ids.push(id) > 1) return;
      progress.stop();
      watch.mark('first_word');
    },
  });
  for await (const piece of words) {
    text += piece;
    onText(piece);
  }
  watch.mark('other_words');
  return { text, ids };
}

/** Shows the loading of weights, then calls `then`. */
export function loadProgress(progress: Progress, mark: (phase: string) => void, then: () => void) {
  let step: Step | undefined;
  return ({ loadedBytes, totalBytes }: { loadedBytes: number; totalBytes: number }): void => {
    step ??= progress.step('Loading weights', totalBytes, megabytes);
    step.update(loadedBytes);
    if (loadedBytes < totalBytes) return;
    step.end();
    step = undefined; // parts that come for their phase are loaded again
    mark('weights');
    then();
  };
}
