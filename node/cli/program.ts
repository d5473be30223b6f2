/** The command line: its commands and options, with the reference's names. */
import { readFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { packageFile } from '../package.ts';
import { type DemoOptions, EXAMPLE_PROMPT, demo } from './demo.ts';
import { type Image2TextOptions, image2text } from './image2text.ts';
import { type Text2ImageOptions, text2image } from './text2image.ts';
import { number, side, size, whole } from './values.ts';
import type { Context } from './session.ts';

/** Settings of any command that shape its context. */
export interface Settings {
  readonly progress: boolean;
  readonly json?: boolean;
}

const MOST = Number.MAX_SAFE_INTEGER;

/** Builds the program; `contextOf` is asked when a command starts. */
export function createProgram(contextOf: (settings: Settings) => Context): Command {
  const { version } = JSON.parse(readFileSync(packageFile('package.json'), 'utf8')) as { version: string };
  const program = new Command('overtone')
    .description('Pictures from words and words from pictures: the model Harmon on WebGPU.')
    .version(version)
    .addHelpText('after', '\nTry this:\n  $ overtone demo\n  $ overtone text2image --help')
    .showHelpAfterError('(overtone --help lists what there is)')
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'overtone: ')) });

  const run =
    <Options extends Settings>(command: (options: Options, context: Context) => Promise<void>) =>
    (options: Options) =>
      command(options, contextOf(options));

  withModelOptions(program.command('text2image'))
    .description('Makes a picture from words.')
    .option('--prompt <text>', 'what the picture shows; - reads it from stdin', EXAMPLE_PROMPT)
    .option('--output <file>', '.png or .jpg; {seed} and {prompt} are filled in', 'output.png')
    .addOption(
      new Option('--image-size <pixels>', 'side, or WIDTHxHEIGHT, in multiples of 16')
        .argParser(size('--image-size'))
        .default(undefined, '512; the embedded model: 128'),
    )
    .addOption(
      new Option('--num-iter <n>', 'iterations of the masked loop, at most one for each 16×16 pixels')
        .argParser(whole('--num-iter', 1, 65536))
        .default(undefined, '64'),
    )
    .option('--cfg <weight>', 'how strongly the prompt guides; 1 turns guidance off', number('--cfg'), 3)
    .option('--cfg-prompt <text>', 'what the unguided half is asked (default: the model’s own)')
    .addOption(
      new Option('--cfg-schedule <name>', 'guidance over the iterations')
        .choices(['constant', 'linear'])
        .default('constant'),
    )
    .option('--temperature <t>', 'of the noise in sampling', number('--temperature', 0), 1)
    .option(
      '--timesteps <n>',
      'diffusion timesteps of each token (default: the model’s own)',
      whole('--timesteps', 2, 1000),
    )
    .option(
      '--grid-size <n>',
      'n×n pictures of the prompt in one file (the reference: 2)',
      whole('--grid-size', 1, 16),
      1,
    )
    .option('--batch-size <n>', 'most pictures made at once', whole('--batch-size', 1, 256), 4)
    .option('--seed <n>', 'same seed and adapter, same picture (default: random)', whole('--seed', 0, MOST))
    .addHelpText(
      'after',
      '\nExample:\n  $ overtone text2image --prompt "two cats" --num-iter 16 --seed 7 --output cats.png',
    )
    .action(run<Text2ImageOptions & Settings>(text2image));

  withModelOptions(program.command('image2text'))
    .description('Describes a picture, or answers a question about it.')
    .requiredOption('--image <file>', 'PNG, JPEG, WebP, GIF or TIFF; - reads it from stdin')
    .option('--prompt <text>', 'the question; - reads it from stdin (default: to describe it in detail)')
    .addOption(
      new Option('--image-size <pixels>', 'side that the picture is brought to, a multiple of 16')
        .argParser(side('--image-size'))
        .default(undefined, '512; the embedded model: 128'),
    )
    .option('--max-new-tokens <n>', 'longest answer', whole('--max-new-tokens', 1, 1 << 20), 1024)
    .addHelpText('after', '\nExample:\n  $ overtone image2text --image cats.png --prompt "How many objects are there?"')
    .action(run<Image2TextOptions & Settings>(image2text));

  withModelOptions(program.command('demo'))
    .description(`Makes a picture of “${EXAMPLE_PROMPT}” and describes it.`)
    .option('--output <file>', '.png or .jpg; {seed} and {prompt} are filled in', 'out/{prompt}.png')
    .option('--seed <n>', 'another seed, another picture', whole('--seed', 0, MOST), 1)
    .addHelpText('after', '\nExample:\n  $ overtone demo --seed 5')
    .action(run<DemoOptions & Settings>(demo));

  return program;
}

/** Options that say which model, and how to report. */
function withModelOptions(command: Command): Command {
  return command
    .option('--model <folder>', 'folder with config.json, tokenizer.json and weights (default: the embedded model)')
    .option('--checkpoint <file>', 'the model’s weights: .pth or .safetensors')
    .option('--vae <file>', 'the VAE’s weights: kl16.ckpt')
    .option('--tokenizer <file>', 'tokenizer.json (default: the one beside the weights)')
    .option('--config <name|file>', '0.5b, 1.5b or a config.json (default: told by the weights)')
    .option('--json', 'one JSON object on stdout, and nothing else there')
    .option('--no-progress', 'no progress on stderr')
    .option('--verbose', 'stack traces of errors');
}
