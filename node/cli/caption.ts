/**
 * `overtone caption`: every picture of a folder described, one JSON line each. It goes on where it stopped: a picture whose file, question and
 * model are the same as in its line is done.
 */
import { createHash } from 'node:crypto';
import { appendFile, readFile, readdir, stat } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import type { OvertoneError } from '../../src/engine/index.ts';
import { ArgumentError, FileError } from '../../src/engine/index.ts';
import type { HarmonConfig } from '../../src/harmon/index.ts';
import { makeFolder, reasonOf, tryBytes, writeFileAtomic } from '../files.ts';
import type { ModelFiles, ModelPaths } from '../model.ts';
import { identify } from '../model_hash.ts';
import { decodePicture } from '../pictures.ts';
import { type Caption, captionLine, isSameQuestion, readCaptions } from './caption_lines.ts';
import { readPictureFile, readPrompt } from './input.ts';
import { type Context, defaultSide, describing, withModel } from './session.ts';
import { phasesText } from './timing.ts';
import { quote } from './values.ts';
import { counted, visible } from './wording.ts';

export interface CaptionOptions extends ModelPaths {
  readonly folder: string;
  /** File of JSON lines; - for standard output. */
  readonly output: string;
  readonly prompt?: string;
  readonly imageSize?: number;
  readonly maxNewTokens: number;
  /** A text file beside each picture, too. */
  readonly sideFiles?: boolean;
  readonly json?: boolean;
}

const PICTURES = /\.(png|jpe?g|webp|gif|tiff?)$/i;

export async function caption(options: CaptionOptions, context: Context): Promise<void> {
  const { signal, note, print, progress } = context;
  const { folder, output } = options;
  const toStdout = output === '-';
  if (toStdout && options.json)
    throw new ArgumentError('--json must not be given with --output -, which prints JSON lines already');
  const names = await picturesOf(folder);
  const sideOf = options.sideFiles ? sideNames(names) : undefined;
  const asked = options.prompt === undefined ? undefined : await readPrompt(options.prompt, signal);
  if (!toStdout) await checkPlace(output);
  const { captions, isTorn } = toStdout
    ? { captions: new Map<string, Caption>(), isTorn: false }
    : await readCaptions(output);
  const all = () =>
    [...captions.values()]
      .sort((a, b) => (a.file < b.file ? -1 : 1))
      .map(captionLine)
      .join('');
  if (isTorn) await writeFileAtomic(output, Buffer.from(all()));

  const failed: { file: string; problem: string }[] = [];
  let [made, kept] = [0, 0];
  const plan = async (config: HarmonConfig, files: ModelFiles) => ({
    question: asked ?? config.question,
    image_size: options.imageSize ?? defaultSide(config),
    max_new_tokens: options.maxNewTokens,
    model: config.name,
    model_hash: (await identify(files, signal)).hash,
  });
  await withModel({ ...options, fit: describing(options) }, context, plan, async (model, request, watch) => {
    const step = progress.step('Pictures', names.length);
    for (const [i, file] of names.entries()) {
      try {
        const { bytes, name } = await readPictureFile(join(folder, file), signal);
        const wanted = { file, ...request, sha256: createHash('sha256').update(bytes).digest('hex') };
        const before = captions.get(file);
        const done = before && isSameQuestion(before, wanted) ? before : undefined;
        let text = done?.text;
        if (text === undefined) {
          text = '';
          const { question, image_size: imageSize, max_new_tokens: maxNewTokens } = request;
          const picture = await decodePicture(bytes, name);
          for await (const piece of model.describe(picture, { question, imageSize, maxNewTokens, signal }))
            text += piece;
          const line: Caption = { file, text, ...request, sha256: wanted.sha256 };
          captions.set(file, line);
          if (toStdout) print(captionLine(line));
          else await append(output, captionLine(line));
          if (!toStdout && !options.json) print(`${visible(file)}  ${visible(text)}\n`);
          made++;
        } else kept++;
        if (sideOf) await writeSide(join(folder, file), join(folder, sideOf(file)), text, before?.text);
      } catch (error) {
        // a picture that cannot be read, or is too large for the context; what else fails ends the run
        const isOfPicture =
          error instanceof ArgumentError ||
          (error instanceof FileError && error.message.startsWith(join(folder, file)));
        if (!isOfPicture) throw error;
        failed.push({ file, problem: (error as OvertoneError).message });
        note(`${visible((error as OvertoneError).message)}\n`);
      }
      step.update(i + 1);
    }
    progress.stop();
    watch.mark('pictures');
    if (!toStdout && made > 0) await writeFileAtomic(output, Buffer.from(all()));
    const seconds = watch.seconds();
    if (options.json) print(`${JSON.stringify({ output, made, kept, failed, ...request, seconds })}\n`);
    else
      note(`${made} described${kept ? `, ${kept} were there` : ''}, in ${visible(output)}: ${phasesText(seconds)}\n`);
  });
  if (failed.length > 0)
    throw new FileError(
      `${folder}: ${failed.length} of ${counted(names.length, 'picture')} could not be described, the rest is done`,
    );
}

async function picturesOf(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((cause: unknown) => {
    throw new FileError(`${folder}: must be a folder of pictures but cannot be read: ${reasonOf(cause)}`, { cause });
  });
  const pictures = names.filter((name) => PICTURES.test(name) && !name.startsWith('.')).sort();
  if (pictures.length === 0)
    throw new FileError(`${folder}: must hold pictures (.png, .jpg, .webp, .gif, .tiff) but holds none`);
  return pictures;
}

/** Names of the text files beside the pictures: `a.txt` for `a.png`. @throws ArgumentError where two pictures would share one. */
function sideNames(names: readonly string[]): (picture: string) => string {
  const sideOf = (name: string) => `${name.slice(0, -extname(name).length)}.txt`;
  const owners = new Map<string, string>();
  for (const name of names) {
    const other = owners.get(sideOf(name));
    if (other !== undefined)
      throw new ArgumentError(
        `--side-files needs names that differ before the dot but there are ${quote(other)} and ${quote(name)}`,
      );
    owners.set(sideOf(name), name);
  }
  return sideOf;
}

/** Writes a side file, in place of none or of what an earlier run wrote. @throws FileError where it holds something else. */
async function writeSide(picture: string, path: string, text: string, before: string | undefined): Promise<void> {
  const bytes = Buffer.from(`${text}\n`);
  const there = await readFile(path).catch(() => undefined);
  if (there?.equals(bytes)) return;
  if (there && !(before !== undefined && there.equals(Buffer.from(`${before}\n`))))
    throw new FileError(
      `${picture}: its side file ${quote(basename(path))} must be from an earlier run but holds something else: move it away`,
    );
  await writeFileAtomic(path, bytes);
}

/** The folder of the lines, made where it is missing, takes files. */
async function checkPlace(output: string): Promise<void> {
  try {
    if ((await stat(output).catch(() => undefined))?.isDirectory()) throw new Error('it is a folder');
    await makeFolder(dirname(output));
    await tryBytes(dirname(output), 0);
  } catch (cause) {
    throw new ArgumentError(`--output ${quote(output)} cannot be written: ${reasonOf(cause)}; choose another place`);
  }
}

const append = (path: string, line: string): Promise<void> =>
  appendFile(path, line).catch((cause: unknown) => {
    throw new FileError(`${path}: cannot be written: ${reasonOf(cause)}`, { cause });
  });
