/** The command line: its commands and options, with the reference's names. */
import { Command, Option } from 'commander';
import { VERSION } from '../../src/version.ts';
import { WEIGHT_FORMS } from '../../src/harmon/cast_weights.ts';
import { clocks } from '../clock.ts';
import { type BatchOptions, batch } from './batch.ts';
import { type CaptionOptions, caption } from './caption.ts';
import { type ConvertCommandOptions, convert } from './convert.ts';
import { type DoctorOptions, doctor } from './doctor.ts';
import { type InfoOptions, info } from './info.ts';
import { type DemoOptions, EXAMPLE_PROMPT, demo } from './demo.ts';
import { type EditCommandOptions, edit } from './edit.ts';
import { boxes, extension, share } from './edit_values.ts';
import { type Image2TextOptions, image2text } from './image2text.ts';
import { type InteractiveOptions, interactive } from './interactive.ts';
import { type Text2ImageOptions, text2image } from './text2image.ts';
import { shardValue } from './shard.ts';
import { bytes, number, once, seedOrNew, side, size, whole } from './values.ts';
import type { Context } from './session.ts';
import { type TuneCommandOptions, tune } from './tune.ts';
import { visibleLines } from './wording.ts';

/** Settings of any command that shape its context. */
export interface Settings {
  readonly progress: boolean;
  readonly json?: boolean;
}

const MOST = Number.MAX_SAFE_INTEGER;
const SIZES = 'multiples of 16 (default: 512, embedded model 128)';
const ITERATIONS = 'at most one a 16×16 square (default: 64 or all squares)';

const LIST =
  'The list is JSON, [{ "prompt": "a dog" }, …], or one such object a line; - reads stdin. Other keys of an entry are kept in its .json, where sample_id is its place in the list.';

const MANY = 'overtone caption describes a folder of pictures';

const TUNING =
  "What it finds is kept for this adapter, driver and version, and later runs of every command use it; nothing is timed unless you ask. A picture's bits may then differ from those of the defaults, which --no-tune uses.";

const SQUARES =
  'Squares of 16 pixels that a mask or a box touches are made anew, all others stay bit for bit; the picture keeps its size.';

/** Builds the program; `contextOf` is asked when a command starts. */
export function createProgram(contextOf: (settings: Settings) => Context): Command {
  const program = new Command('overtone')
    .description('Pictures from words and words from pictures: the model Harmon on WebGPU.')
    .version(VERSION)
    .addHelpText('after', '\nTry this:\n  $ overtone\n  $ overtone demo\n  $ overtone text2image --help')
    .showHelpAfterError('(overtone --help lists what there is)')
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(visibleLines(text.replace(/^error: /, 'overtone: '))) });

  const run =
    <Options extends Settings>(command: (options: Options, context: Context) => Promise<void>) =>
    (options: Options) =>
      command(options, contextOf(options));

  const text = program
    .command('text2image')
    .summary('makes a picture from words')
    .description('Makes a picture from words.');
  text
    .optionsGroup('Picture:')
    .option(
      '--prompt <text>',
      `what it shows; - reads stdin (default: ${JSON.stringify(EXAMPLE_PROMPT)})`,
      once('--prompt'),
    )
    .option('--output <file>', '.png or .jpg; {seed} and {prompt} are filled in', 'output.png')
    .option('--from <picture>', 'make that picture again, but for what is said here', once('--from'))
    .option('--seed <n|new>', 'same seed and adapter, same picture (default: new)', seedOrNew('--seed'))
    .option('--sweep <name=a,b>', 'a labelled sheet of cfg, temperature, …; twice: rows', collect);
  withMakingOptions(text);
  withModelOptions(text, checkOption())
    .addHelpText('after', '\nExample:\n  $ overtone text2image --prompt "two cats" --num-iter 16 --output cats.png')
    .action(run<Text2ImageOptions & Settings>(text2image));

  const change = program
    .command('edit')
    .summary('makes part of a picture anew, varies it, or adds to its sides')
    .description('Makes part of a picture anew, varies it, or adds to its sides.\n\n' + SQUARES);
  change
    .optionsGroup('Picture:')
    .option('--image <file>', 'PNG, JPEG, WebP, GIF or TIFF; - reads stdin', once('--image'))
    .option('--from <picture>', 'make that edit again, of the same --image', once('--from'))
    .option('--read-as-reference', 'ignore its EXIF orientation, drop its alpha')
    .option('--prompt <text>', 'what all of it shows; - reads stdin (default: its own)', once('--prompt'))
    .option('--output <file>', '.png or .jpg; {seed} and {prompt} are filled in', 'edited.png')
    .option('--seed <n|new>', 'same seed and adapter, same edit (default: new)', seedOrNew('--seed'))
    .option('--image-size <pixels>', 'longest side it is brought to first (default: as it is)', longest)
    .optionsGroup('What is made anew:')
    .option('--mask <file>', 'a picture of any size: white, or what is transparent', once('--mask'))
    .option('--box <x,y,w,h>', 'pixels of the picture; may be given more than once', boxes)
    .option('--variation <share>', 'this share of its squares, chosen by the seed: 0.3', share)
    .option('--extend <side=n>', 'n squares on a side: left=2,top=1 or left,right=2', extension);
  withSamplingOptions(change);
  withModelOptions(change)
    .addHelpText(
      'after',
      '\nExample:\n  $ overtone edit --image a.png --box 0,0,64,128 --prompt "a fox on the left and\n      a cat on the right"',
    )
    .action(run<EditCommandOptions & Settings>(edit));

  const image = program
    .command('image2text')
    .summary('describes a picture, or answers about it')
    .description('Describes a picture, or answers a question about it.');
  image
    .optionsGroup('Question:')
    .requiredOption('--image <file>', 'PNG, JPEG, WebP, GIF or TIFF; - reads stdin', once('--image', MANY))
    .option('--read-as-reference', 'ignore its EXIF orientation, drop its alpha')
    .option('--prompt <text>', 'the question; - reads stdin (default: to describe it)', once('--prompt'))
    .option('--image-size <pixels>', `side it is brought to, ${SIZES}`, side('--image-size'))
    .option('--max-new-tokens <n>', 'longest answer', whole('--max-new-tokens', 1, 1 << 20), 1024);
  withModelOptions(image, checkOption())
    .addHelpText('after', '\nExample:\n  $ overtone image2text --image cats.png --prompt "How many objects are there?"')
    .action(run<Image2TextOptions & Settings>(image2text));

  const many = program
    .command('batch <list>')
    .summary('makes a picture for each entry of a list')
    .description('Makes a picture for each entry of a list, as 00000000.jpg and .json.\n\n' + LIST);
  many
    .optionsGroup('Pictures:')
    .option('--output <folder>', 'where they go; pictures that are done are kept', 'output')
    .option('--seed <n>', 'of the whole list', whole('--seed', 0, MOST), 0)
    .option('--shard <i/n>', 'only every n-th entry, from entry i (i from 0)', shardValue)
    .option('--shards <n>', 'the n of a Slurm array or Kubernetes indexed job', whole('--shards', 1, 1_000_000));
  withMakingOptions(many, 'Pictures:');
  withModelOptions(many)
    .addHelpText('after', '\nExample:\n  $ overtone batch prompts.json --output pictures --shard 0/4')
    .action((list: string, options: Omit<BatchOptions, 'list'> & Settings) =>
      run<BatchOptions & Settings>(batch)({ ...options, list }),
    );

  const captions = program
    .command('caption <folder>')
    .summary('describes every picture of a folder')
    .description('Describes every picture of a folder, one JSON line each; goes on where it stopped.');
  captions
    .optionsGroup('Captions:')
    .option('--output <file>', 'JSON lines; - writes stdout', 'captions.jsonl')
    .option('--side-files', 'also a .txt beside each picture')
    .optionsGroup('Question:')
    .option('--prompt <text>', 'the question; - reads stdin (default: to describe it)', once('--prompt'))
    .option('--image-size <pixels>', `side they are brought to, ${SIZES}`, side('--image-size'))
    .option('--max-new-tokens <n>', 'longest answer', whole('--max-new-tokens', 1, 1 << 20), 1024);
  withModelOptions(captions)
    .addHelpText('after', '\nExample:\n  $ overtone caption photos --output captions.jsonl --side-files')
    .action((path: string, options: Omit<CaptionOptions, 'folder'> & Settings) =>
      run<CaptionOptions & Settings>(caption)({ ...options, folder: path }),
    );

  const folder = program
    .command('convert')
    .summary('puts a model into one folder of safetensors')
    .description('Puts the files of a model into one folder of safetensors, and reads it back.');
  folder
    .optionsGroup('Folder:')
    .requiredOption('--output <folder>', 'new folder; an interrupted run goes on in it')
    .addOption(new Option('--to <form>', 'form of the weights (default: as they are)').choices(WEIGHT_FORMS))
    .option('--shard-size <MB>', 'most bytes of one file', whole('--shard-size', 1, 1_000_000), 512);
  withFileOptions(folder)
    .addHelpText('after', '\nExample:\n  $ overtone convert --checkpoint model.pth --vae kl16.ckpt --output harmon')
    .action(run<ConvertCommandOptions & Settings>(convert));

  withReportOptions(
    program
      .command('info [file]')
      .summary('tells about the adapter, a picture or weights')
      .description(
        'Tells about the adapter, or what a file holds: a picture, weights, a model folder or hf:owner/name.',
      )
      .option('--tensors', 'every tensor of the weights, not only their sums')
      .option('--check', 'read all weights: that none is damaged, NaN or infinite'),
  )
    .addHelpText('after', '\nExample:\n  $ overtone info output.png')
    .action((path: string | undefined, options: InfoOptions & Settings) =>
      run<InfoOptions & Settings>(info)({ ...options, path }),
    );

  withFileOptions(
    program
      .command('doctor')
      .summary('checks whether this machine can run a model')
      .description('Checks whether this machine can run a model, and says what would help.'),
  )
    .addHelpText('after', '\nExample:\n  $ overtone doctor --checkpoint model.pth --vae kl16.ckpt')
    .action(run<DoctorOptions & Settings>(doctor));

  const tuning = program
    .command('tune')
    .summary('finds the fastest kernels for this adapter')
    .description('Times the variants of the kernels that a model uses on this adapter.\n\n' + TUNING);
  tuning
    .optionsGroup('What for:')
    .option('--image-size <pixels>', `side or WIDTHxHEIGHT, ${SIZES}`, size('--image-size'))
    .option('--num-iter <n>', `iterations, ${ITERATIONS}`, whole('--num-iter', 1, 65536))
    .option('--batch-size <n>', 'pictures made at once', whole('--batch-size', 1, 256), 1)
    .option('--budget <seconds>', 'most time it may take', number('--budget', 0), 60)
    .option('--again', 'also what is known already')
    .addOption(
      new Option('--clock <kind>', 'processor: for software adapters on a busy machine')
        .choices(clocks)
        .default('wall'),
    );
  withFileOptions(tuning, quantiseOption())
    .addHelpText('after', '\nExample:\n  $ overtone tune --checkpoint model.pth --vae kl16.ckpt --image-size 512')
    .action(run<TuneCommandOptions & Settings>(tune));

  const session = program
    .command('session')
    .summary('type words, get pictures; also without a command')
    .description(
      'Type words, get pictures, ask about them; the model stays loaded. This is what overtone does without a command; piped input is done line by line.',
    );
  session
    .optionsGroup('Pictures:')
    .option('--output <file>', 'their names; {seed} and {prompt} are filled in', 'pictures/{seed}-{prompt}.png')
    .option('--seed <n|new>', 'of every picture (default: new)', seedOrNew('--seed'))
    .option('--image-size <pixels>', `side or WIDTHxHEIGHT, ${SIZES}`, size('--image-size'))
    .option('--num-iter <n>', `iterations, ${ITERATIONS}`, whole('--num-iter', 1, 65536));
  withModelOptions(session)
    .addHelpText('after', '\nExample:\n  $ overtone session --num-iter 16 --output \"trials/{prompt}.png\"')
    .action(async (options: InteractiveOptions & Settings) => {
      if (!(await interactive(options, contextOf(options)))) program.outputHelp();
    });

  const both = program
    .command('demo')
    .summary('makes an example picture and describes it')
    .description('Makes the picture of an example prompt, then describes it.');
  both
    .optionsGroup('Picture:')
    .option('--output <file>', '.png or .jpg; {seed} and {prompt} are filled in', 'out/{prompt}.png')
    .option('--seed <n>', 'another seed, another picture', whole('--seed', 0, MOST), 1);
  withModelOptions(both)
    .addHelpText('after', '\nExample:\n  $ overtone demo --seed 5')
    .action(run<DemoOptions & Settings>(demo));

  return program;
}

const longest = whole('--image-size', 1, 4096);

/** All values of an option that may come more than once. */
const collect = (value: string, before: readonly string[] = []): string[] => [...before, value];

/** Options of how pictures are made. Their defaults are `settleMaking`'s. */
function withMakingOptions(command: Command, group = 'Picture:'): Command {
  return withSamplingOptions(
    command.option('--image-size <pixels>', `side or WIDTHxHEIGHT, ${SIZES}`, size('--image-size')),
    group,
  );
}

function withSamplingOptions(command: Command, group = 'Picture:'): Command {
  return command
    .optionsGroup(group)
    .option('--grid-size <n>', 'n×n pictures in one file (default: 1, reference: 2)', whole('--grid-size', 1, 16))
    .optionsGroup('Sampling:')
    .option('--num-iter <n>', `iterations, ${ITERATIONS}`, whole('--num-iter', 1, 65536))
    .option('--cfg <weight>', 'how strongly the prompt guides, 1: not at all (default: 3)', number('--cfg'))
    .addOption(
      new Option('--cfg-schedule <name>', 'guidance over the iterations (default: constant)').choices([
        'constant',
        'linear',
      ]),
    )
    .option('--cfg-prompt <text>', "what the unguided half is asked (default: the model's own)")
    .option('--temperature <t>', 'of the sampling noise (default: 1)', number('--temperature', 0))
    .option('--timesteps <n>', "diffusion steps of a token (default: the model's)", whole('--timesteps', 2, 1000))
    .option('--batch-size <n>', 'most pictures made at once', whole('--batch-size', 1, 256), 4);
}

/** Options that say which model and in what form, and how to report. */
function withModelOptions(command: Command, ...more: Option[]): Command {
  const untuned = new Option('--no-tune', 'without what overtone tune has found here');
  const memory = new Option('--memory <size>', 'most on the device: 4GB; --quantise is then the least it may come to');
  return withFileOptions(command, quantiseOption(), memory.argParser(bytes('--memory')), untuned, ...more);
}

const checkOption = (): Option =>
  new Option('--check-range [file]', 'slow: every magnitude to range.json, stop at NaN');

const quantiseOption = (): Option =>
  new Option('--quantise <form>', 'keep matrices in 9 or 5 bits a weight (default: as stored)').choices(['q8', 'q4']);

/** Options that say which files make up the model, and how to report. */
function withFileOptions(command: Command, ...more: Option[]): Command {
  const files = command
    .optionsGroup('Model (default: the embedded one):')
    .option('--model <folder|hf:…>', 'folder with its files, or hf:owner/name@revision')
    .option('--checkpoint <file>', 'weights, .pth or .safetensors')
    .option('--vae <file>', 'weights of the VAE, kl16.ckpt')
    .option('--overlay <file>', 'weights in place of those of the same names; may be given again', collect)
    .option('--tokenizer <file>', 'tokenizer.json (default: the one beside the weights)')
    .option('--config <name|file>', '0.5b, 1.5b or a config.json (default: by the weights)');
  for (const option of more) files.addOption(option);
  return withReportOptions(files);
}

function withReportOptions(command: Command): Command {
  return command
    .optionsGroup('Report:')
    .option('--json', 'one JSON object on stdout and nothing else there')
    .option('--no-progress', 'no progress on stderr')
    .option('--verbose', 'stack traces of errors')
    .optionsGroup('Options:');
}
