/**
 * `overtone` without a command: a session in which words become pictures and questions are answered, with the model kept loaded. Ctrl-C
 * stops the work at hand; input that is piped is done line by line.
 */
import { existsSync } from 'node:fs';
import { extname } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { AbortError, ArgumentError, FileError, GpuError, OvertoneError } from '../../src/engine/index.ts';
import { editOf } from '../../src/harmon/edit.ts';
import type { Harmon, Picture } from '../../src/harmon/index.ts';
import type { ModelPaths } from '../model.ts';
import { identify } from '../model_hash.ts';
import { readPictureText } from '../picture_text.ts';
import { decodePicture } from '../pictures.ts';
import type { ModelIdentity, PictureRecord } from '../../src/harmon/record.ts';
import { editRecordOf, readMask, settleEdit } from './edit.ts';
import { readPictureFile } from './input.ts';
import { INTERACTIVE_HELP, type InteractiveLine, parseInteractiveLine } from './interactive_line.ts';
import { type Making, requestOf, settleMaking } from './making.ts';
import { checkOutput, fillName } from './output_file.ts';
import { type PreviewKind, preview, previewKind } from './preview.ts';
import { type Context, bothTasks, defaultSide, describePicture, makePictures, withModel } from './session.ts';
import { showsSixels } from './terminal.ts';
import { randomSeed } from './text2image.ts';
import { stopwatch } from './timing.ts';
import type { Size } from './values.ts';
import { counted, visible } from './wording.ts';

export interface InteractiveOptions extends ModelPaths {
  /** Name of the pictures, with {seed} and {prompt} in it. */
  readonly output: string;
  readonly seed?: number | 'new';
  readonly imageSize?: Size;
  readonly numIter?: number;
  readonly json?: boolean;
}

/** What the session is about at the moment. */
interface State {
  seed: number | 'new';
  size: Size | undefined;
  iterations: number | undefined;
  prompt: string | undefined;
  picture: Picture | undefined;
  /** Of a picture that was made here. */
  record: PictureRecord | undefined;
  /** How results are shown that are read on a terminal. */
  readonly shows: PreviewKind | undefined;
}

/** Runs until the input ends. Returns false where it ended before it began, with nothing done. */
export async function interactive(options: InteractiveOptions, context: Context): Promise<boolean> {
  const { note, signal } = context;
  const isTerminal = Boolean(process.stdin.isTTY && process.stderr.isTTY);
  const shows = await previewOf(options, isTerminal);
  const reader = createInterface({ input: process.stdin, output: process.stderr, terminal: isTerminal, prompt: '› ' });
  const lines = reader[Symbol.asyncIterator]();
  signal.addEventListener('abort', () => reader.close());
  let stop: AbortController | undefined;
  let asked = false;
  reader.on('SIGINT', () => {
    // what was typed is dropped, as in a shell
    const typed = reader.line !== '';
    if (typed) for (const key of ['e', 'u']) reader.write(null, { ctrl: true, name: key });
    if (stop) stop.abort();
    else if (typed) return;
    else if (asked) reader.close();
    else {
      note('\nCtrl-C once more, Ctrl-D or /quit leaves.\n');
      reader.prompt();
    }
    asked = !stop;
  });

  let waiting = isTerminal ? undefined : await lines.next();
  if (waiting?.done) return false;
  let failed = 0;
  await withModel(
    { ...options, fit: bothTasks(options.imageSize) },
    context,
    (_, files) => identify(files, signal),
    async (harmon, identity) => {
      const state: State = {
        seed: options.seed ?? 'new',
        size: options.imageSize,
        iterations: options.numIter,
        prompt: undefined,
        picture: undefined,
        record: undefined,
        shows,
      };
      if (isTerminal)
        note(
          `${visible(harmon.config.name)} on ${harmon.device.description}\nType what a picture shows; /help for more.\n`,
        );
      for (;;) {
        if (isTerminal) reader.prompt(true);
        const { value, done } = waiting ?? (await lines.next());
        waiting = undefined;
        if (done || signal.aborted) break;
        asked = false;
        stop = new AbortController();
        try {
          const line = parseInteractiveLine(value as string);
          if (!line) continue;
          if (line.kind === 'quit') break;
          const own = { ...context, signal: AbortSignal.any([signal, stop.signal]) };
          await act(line, state, harmon, identity, options, own);
        } catch (error) {
          context.progress.stop();
          const isLost = error instanceof GpuError && error.kind === 'lost';
          if (signal.aborted || isLost || !(error instanceof OvertoneError)) throw error;
          if (error instanceof AbortError) note('Stopped.\n');
          else {
            note(`${visible(error.message)}\n`);
            failed++;
          }
        } finally {
          stop = undefined;
        }
      }
    },
  ).finally(() => reader.close());
  if (!isTerminal && failed > 0) throw new FileError(`${counted(failed, 'line')} could not be done, the rest is`);
  return true;
}

async function act(
  line: InteractiveLine,
  state: State,
  harmon: Harmon,
  identity: ModelIdentity,
  options: InteractiveOptions,
  context: Context,
): Promise<void> {
  const { print, note, signal } = context;
  const { config } = harmon;
  const say = (object: object, text: string) => print(options.json ? `${JSON.stringify(object)}\n` : `${text}\n`);
  const current = (): Picture => {
    if (state.picture) return state.picture;
    throw new ArgumentError('there is no picture yet: type what one shows, or /image file.png');
  };
  /** Makes a picture, keeps it under a new name and shows it. */
  const make = async (prompt: string, making: Making, more: object, edit?: PictureRecord['edit']) => {
    const seed = state.seed === 'new' ? randomSeed() : state.seed;
    const output = await checkOutput(freeName(fillName(options.output, { seed, prompt })));
    const watch = stopwatch();
    const [picture] = await makePictures(
      harmon,
      { ...requestOf(making), prompt, seed, batchSize: 1, ...more },
      context,
      watch,
    );
    const adapter = harmon.device.description;
    const record: PictureRecord = { prompt, seed, ...making, ...(edit && { edit }), model: identity, adapter };
    await output.save(picture, record);
    Object.assign(state, { picture, record, prompt });
    const { width, height } = picture;
    const { total } = watch.seconds();
    show(picture, state, print);
    say(
      { output: output.path, prompt, seed, width, height, seconds: total },
      `${visible(output.path)} (${width}×${height}, seed ${seed}, ${total.toFixed(1)} s)`,
    );
  };

  switch (line.kind) {
    case 'make':
      return make(line.prompt, settled(state, harmon), {});
    case 'again': {
      const { prompt } = state;
      if (prompt === undefined) throw new ArgumentError('/again needs words that were typed before');
      if (state.seed !== 'new') note(`The seed is ${state.seed} for all pictures; /seed new makes others.\n`);
      return make(prompt, settled(state, harmon), {});
    }
    case 'edit': {
      const asked = { picture: current(), mask: await readMask({ box: [line.box] }, current(), signal) };
      const laidOut = editOf(asked, config);
      const numIter = Math.min(state.iterations ?? 64, laidOut.made);
      const making = settleEdit({ numIter }, laidOut, config);
      return make(line.prompt, making, { imageSize: undefined, edit: asked }, editRecordOf(asked, laidOut));
    }
    case 'ask': {
      const question = line.question ?? config.question;
      const onText = options.json ? () => undefined : print;
      const { text } = await describePicture(
        harmon,
        current(),
        { question, imageSize: defaultSide(config) },
        context,
        stopwatch(),
        onText,
      );
      return say({ question, text }, '');
    }
    case 'image': {
      const { bytes, name } = await readPictureFile(line.path, signal);
      const picture = await decodePicture(bytes, name);
      const { record } = readPictureText(bytes, name);
      Object.assign(state, { picture, record: undefined, prompt: record?.prompt ?? state.prompt });
      const { width, height } = picture;
      show(picture, state, print);
      return say({ image: name, width, height }, `${visible(name)} (${width}×${height})`);
    }
    case 'save': {
      const picture = current();
      if (!state.record)
        throw new ArgumentError('/save keeps pictures that were made here: this one is in a file already');
      const output = await checkOutput(line.path);
      await output.save(picture, state.record);
      return say({ output: output.path }, visible(output.path));
    }
    case 'seed':
      state.seed = line.seed;
      return;
    case 'size':
      state.size = line.size;
      return;
    case 'iterations':
      state.iterations = line.iterations;
      return;
    case 'help':
      return say({ help: INTERACTIVE_HELP }, INTERACTIVE_HELP.trimEnd());
    case 'quit':
  }
}

const settled = ({ size, iterations }: State, { config }: Harmon): Making =>
  settleMaking({ imageSize: size, numIter: iterations }, config);

/** How pictures are shown where the results are read on a terminal. */
async function previewOf({ json }: InteractiveOptions, isTerminal: boolean): Promise<PreviewKind | undefined> {
  const kind = json || !process.stdout.isTTY ? undefined : previewKind(process.env);
  return kind === 'blocks' && isTerminal && (await showsSixels(process.stdin, process.stdout)) ? 'sixel' : kind;
}

function show(picture: Picture, { shows }: State, print: Context['print']): void {
  if (!shows) return;
  const isTrueColour = /truecolor|24bit/.test(process.env.COLORTERM ?? '');
  print(preview(picture, shows, Math.min(process.stdout.columns || 80, 80), isTrueColour));
}

/** A name that no file has yet: another number before the extension. */
function freeName(path: string): string {
  const extension = extname(path);
  const stem = path.slice(0, path.length - extension.length);
  for (let n = 1; ; n++) {
    const name = n === 1 ? path : `${stem}-${n}${extension}`;
    if (!existsSync(name)) return name;
  }
}
