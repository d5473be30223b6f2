/** `overtone text2image`: words to a picture file. */
import { tile } from '../../src/harmon/index.ts';
import type { ModelPaths } from '../model.ts';
import { identify } from '../model_hash.ts';
import { type PictureRecord, settingsOf } from '../record.ts';
import { EXAMPLE_PROMPT } from './demo.ts';
import { readPrompt, readRecord } from './input.ts';
import { type MakingOptions, requestOf, settleMaking } from './making.ts';
import { checkOutput, fillName } from './output_file.ts';
import { type Context, makePictures, withModel } from './session.ts';
import { phasesText } from './timing.ts';
import { counted, visible } from './wording.ts';

export interface Text2ImageOptions extends ModelPaths, MakingOptions {
  readonly prompt?: string;
  readonly output: string;
  /** A picture whose record says what is not said here. */
  readonly from?: string;
  readonly seed?: number | 'new';
  readonly batchSize: number;
  readonly json?: boolean;
}

export const randomSeed = (): number => Math.floor(Math.random() * 2 ** 32);

export async function text2image(options: Text2ImageOptions, context: Context): Promise<void> {
  const { print, note, signal } = context;
  const from = options.from === undefined ? undefined : await readRecord(options.from, signal);
  const seed = (options.seed === 'new' ? undefined : (options.seed ?? from?.seed)) ?? randomSeed();
  const asked = options.prompt ?? from?.prompt ?? EXAMPLE_PROMPT;
  const prompt = options.prompt === undefined ? asked : await readPrompt(asked, signal);
  const output = await checkOutput(fillName(options.output, { seed, prompt }));
  await withModel(
    options,
    context,
    async (config, files) => {
      const making = settleMaking(options, config, from);
      const [width, height] = making.imageSize.map((side) => side * making.gridSize);
      await output.reserve(width, height, signal);
      const model = await identify(files, signal);
      if (from && from.model.hash !== model.hash) note(otherModel(from, model));
      return { making, model };
    },
    async (harmon, { making, model }, watch) => {
      const adapter = harmon.device.description;
      const record: PictureRecord = { prompt, seed, ...making, model, adapter };
      const request = { ...requestOf(making), prompt, seed, batchSize: options.batchSize };
      const pictures = await makePictures(harmon, request, context, watch);
      const picture = tile(pictures, making.gridSize);
      await output.save(picture, record);
      watch.mark('save');
      const seconds = watch.seconds();
      const seeds = pictures.map((p) => p.seed);
      const { width, height } = picture;
      if (options.json) {
        const settings = { ...settingsOf(record), model: model.name, model_hash: model.hash };
        print(`${JSON.stringify({ output: output.path, width, height, seeds, ...settings, seconds })}\n`);
        return;
      }
      const made = `${width}×${height}, ${counted(making.iterations, 'iteration')}, seed ${seed}`;
      print(`Picture  ${visible(output.path)} (${made})\nAdapter  ${adapter}\nTime     ${phasesText(seconds)}\n`);
    },
  );
}

const otherModel = ({ model: was }: PictureRecord, is: PictureRecord['model']): string =>
  `The picture was made with other weights (${nameOf(was)}) than these (${nameOf(is)}): the new one will differ.\n`;

const nameOf = ({ name, hash, weights }: PictureRecord['model']): string => `${name} ${hash.slice(0, 10)} ${weights}`;
