/** The benchmark's command line. */
import { Command, Option } from 'commander';
import { number, side, whole } from '../node/cli/values.ts';
import { visibleLines } from '../node/cli/wording.ts';
import { type Clock, clocks } from '../node/clock.ts';
import { type ModelName, modelNames } from './models.ts';
import { ArgumentError } from '../src/engine/index.ts';

export interface BenchOptions {
  /** False without ops. */
  readonly ops?: readonly string[] | false;
  readonly quick?: boolean;
  readonly variants?: boolean;
  readonly peers: boolean;
  readonly phases: boolean;
  readonly model: ModelName;
  readonly imageSize?: number;
  readonly iterations: number;
  readonly clock: Clock;
  readonly json?: string;
  readonly html?: string;
  readonly compare?: string;
  readonly bound: number;
  readonly from?: string;
  readonly progress: boolean;
}

export function createProgram(run: (options: BenchOptions) => Promise<void>): Command {
  return new Command('bench')
    .description(
      "Times every op at Harmon's sizes and both tasks of the embedded model, beside what the adapter can do and beside other engines.",
    )
    .optionsGroup('What is measured:')
    .option('--ops <names>', 'only these ops, separated by commas, and no tasks', names)
    .option('--no-ops', 'only the tasks')
    .option('--quick', 'one size of each op, in under ten minutes on two cores')
    .option('--variants', 'beside each row the other variants of its kernels')
    .option('--no-peers', 'without onnxruntime-web, tfjs and jax-js')
    .option('--no-phases', 'without the tasks of the model')
    .addOption(
      new Option('--model <name>', 'whose tasks: the published sizes have weights made by a formula')
        .choices(modelNames)
        .default('embedded'),
    )
    .option('--image-size <pixels>', "side of the tasks' picture (default: the model's own)", side('--image-size'))
    .option('--iterations <n>', 'of text to image', whole('--iterations', 1, 65536), 16)
    .addOption(
      new Option('--clock <kind>', 'processor: time of the processors, for software adapters on a busy machine')
        .choices(clocks)
        .default('wall'),
    )
    .option('--from <file>', 'nothing: takes the JSON of an earlier run')
    .optionsGroup('What becomes of it:')
    .option('--json <file>', 'writes one row per op and size, with adapter and versions')
    .option('--html <file>', 'writes a report with plots, one file')
    .option('--compare <file>', 'ratios to the JSON of an earlier run; fails where one is under the bound')
    .option('--bound <ratio>', 'for --compare', number('--bound', 0), 0.9)
    .option('--no-progress', 'no progress on stderr')
    .addHelpText(
      'after',
      '\nExamples:\n  $ npm run bench -- --quick --json now.json --html now.html\n  $ npm run bench -- --ops linear,conv2d --no-peers --compare now.json',
    )
    .showHelpAfterError('(npm run bench -- --help lists what there is)')
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(visibleLines(text.replace(/^error: /, 'overtone: '))) })
    .action(run);
}

function names(text: string): string[] {
  const found = text.split(',').map((name) => name.trim());
  if (found.some((name) => name === ''))
    throw new ArgumentError(`--ops must be names separated by commas but is ${JSON.stringify(text)}`);
  return found;
}
