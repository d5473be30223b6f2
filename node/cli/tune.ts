/** `overtone tune`: times the variants of the kernels that a model uses on this adapter, and keeps the fastest for later runs. */
import type { Quantised, TunedChoice } from '../../src/engine/index.ts';
import { type Clock, startWatch } from '../clock.ts';
import { coldDriver, openDevice } from '../device.ts';
import { type ModelPaths, harmonOf } from '../model.ts';
import { keepTuned, tuneFile, tunedChoices } from '../tune_file.ts';
import { digits, table } from './columns.ts';
import { type Context, openFiles } from './session.ts';
import type { Size } from './values.ts';
import { counted, visible } from './wording.ts';

export interface TuneCommandOptions extends ModelPaths {
  readonly imageSize?: Size;
  readonly numIter?: number;
  readonly batchSize: number;
  /** Seconds. */
  readonly budget: number;
  readonly again?: boolean;
  readonly clock: Clock;
  readonly json?: boolean;
  readonly quantise?: Quantised;
}

export async function tune(options: TuneCommandOptions, context: Context): Promise<void> {
  const { signal, progress, print } = context;
  coldDriver(); // so that compiling takes what it takes the first time
  const files = await openFiles(options, context);
  try {
    const device = await openDevice({
      dawn: ['disable-dawn-features=timestamp_quantization'],
      features: ['timestamp-query'],
    });
    const model = harmonOf(files, device, { ownsDevice: true });
    try {
      const known = await tunedChoices(device);
      const step = progress.step('Timing variants', 1);
      const { tuned, left } = await model.tune({
        imageSize: options.imageSize,
        iterations: options.numIter,
        pictures: options.batchSize,
        budget: options.budget * 1000,
        known: options.again ? undefined : known,
        watch: options.clock === 'wall' ? undefined : () => startWatch(options.clock),
        signal,
        onProgress: (done, total) => step.update(total === 0 ? 1 : done / total),
      });
      progress.stop();
      const kept = new Map([...known, ...tuned.map(({ key, chosen }) => [key, chosen] as const)]);
      if (tuned.length > 0) await keepTuned(device, kept);
      const adapter = device.description;
      if (options.json) {
        print(`${JSON.stringify({ adapter, file: tuneFile(), known: kept.size, tuned, left })}\n`);
        return;
      }
      if (tuned.length > 0) print(`${tuneTable(tuned)}\n\n`);
      const others = tuned.filter(({ chosen, variants }) => chosen !== variants[0].name).length;
      print(`Adapter  ${adapter}\n`);
      print(`Timed    ${counted(tuned.length, 'choice')}, ${others} better than the default; ${kept.size} known\n`);
      if (left.length > 0)
        print(
          `Left     ${counted(left.length, 'choice')} for which there was no time: run it again, or give it more with --budget\n`,
        );
      if (kept.size > 0) print(`File     ${visible(tuneFile())}\n`);
    } finally {
      model.destroy();
    }
  } finally {
    await files.close();
  }
}

interface Line {
  readonly op: string;
  readonly sizes: string;
  readonly variant: string;
  readonly ms: string;
  readonly compile: string;
  readonly verdict: string;
}

/** One line a variant, the default first; the choice stands beside its first one. */
export function tuneTable(tuned: readonly TunedChoice[]): string {
  const lines = tuned.flatMap(({ key, variants, chosen }) => {
    const [op, ...sizes] = key.slice(0, key.indexOf(': ')).split(' ');
    return variants.map(({ name, ms, compile, error }, i): Line => ({
      op: i === 0 ? op : '',
      sizes: i === 0 ? sizes.join(' ') : '',
      variant: name,
      ms: ms === undefined ? '–' : digits(ms),
      compile: compile === undefined ? '–' : digits(Math.round(compile)),
      verdict: name === chosen ? '✓' : error === undefined ? '' : `fails: ${visible(error)}`,
    }));
  });
  return table(lines, [
    { head: 'op', align: 'left', text: (l) => l.op },
    { head: 'for', align: 'left', text: (l) => l.sizes },
    { head: 'variant', align: 'left', text: (l) => l.variant },
    { head: 'ms', text: (l) => l.ms },
    { head: 'compile ms', text: (l) => l.compile },
    { head: 'chosen', align: 'left', text: (l) => l.verdict },
  ]);
}
