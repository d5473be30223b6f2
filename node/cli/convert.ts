/** `overtone convert`: published files to one folder of safetensors. */
import { FileError } from '../../src/engine/index.ts';
import { convertModel } from '../convert.ts';
import type { WeightForm } from '../../src/harmon/cast_weights.ts';
import { type ModelPaths, openModelFiles } from '../model.ts';
import { identify } from '../model_hash.ts';
import { type Step, megabytes } from './progress.ts';
import { type Context, openFiles } from './session.ts';
import { phasesText, stopwatch } from './timing.ts';
import { counted, shellWord, visible } from './wording.ts';

export interface ConvertCommandOptions extends ModelPaths {
  /** Folder. */
  readonly output: string;
  /** Form of the weights; as they are without. */
  readonly to?: WeightForm;
  /** MB. */
  readonly shardSize: number;
  readonly json?: boolean;
}

export async function convert(options: ConvertCommandOptions, context: Context): Promise<void> {
  const { signal, progress, print } = context;
  const { output } = options;
  const watch = stopwatch();
  const files = await openFiles(options, context);
  try {
    watch.mark('files');
    let step: Step | undefined;
    const {
      model,
      files: written,
      tensors,
      leftOut,
    } = await convertModel(files, output, {
      to: options.to,
      shardBytes: options.shardSize * 1e6,
      signal,
      onProgress: (done, total) => (step ??= progress.step('Converting', total, half)).update(done),
    });
    watch.mark('weights');
    await checkResult(output, model.hash, signal);
    progress.stop();
    watch.mark('check');
    const seconds = watch.seconds();
    const bytes = written.reduce((sum, file) => sum + file.bytes, 0);
    if (options.json) {
      const result = { output, model: model.name, model_hash: model.hash, weights: model.weights, tensors, bytes };
      print(`${JSON.stringify({ ...result, files: written, left_out: leftOut, seconds })}\n`);
      return;
    }
    const kept = written.filter((file) => file.kept).length;
    const there = kept ? ` (${kept} were there)` : '';
    print(`Folder   ${visible(output)}: ${counted(written.length, 'file')}${there}, ${megabytes(bytes)}, read back\n`);
    print(
      `Model    ${visible(model.name)} ${model.hash.slice(0, 10)}, ${counted(tensors, 'tensor')} in ${model.weights}\n`,
    );
    if (leftOut.length) print(`Left out ${counted(leftOut.length, 'tensor')} that the model does not use\n`);
    print(`Time     ${phasesText(seconds)}\nUse it   overtone text2image --model ${visible(shellWord(output))}\n`);
  } finally {
    await files.close();
  }
}

/** Every byte is written and read back. */
const half = (units: number): string => megabytes(units / 2);

/** The folder opens as a model, and as the same one. */
async function checkResult(folder: string, hash: string, signal: AbortSignal): Promise<void> {
  const made = await openModelFiles({ model: folder }, signal);
  try {
    if ((await identify(made, signal)).hash !== hash)
      throw new FileError(`${folder}: must hold the model that was converted but holds another: convert it again`);
  } finally {
    await made.close();
  }
}
