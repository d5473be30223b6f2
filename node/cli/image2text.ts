/** `overtone image2text`: a picture file to words, as they come. */
import { ArgumentError } from '../../src/engine/index.ts';
import type { ModelPaths } from '../model.ts';
import type { HarmonConfig } from '../../src/harmon/index.ts';
import { readPicture, readPrompt } from './input.ts';
import { type Context, defaultSide, describePicture, describing, withModel } from './session.ts';
import { phasesText } from './timing.ts';
import { counted } from './wording.ts';

export interface Image2TextOptions extends ModelPaths {
  readonly image: string;
  readonly prompt?: string;
  readonly readAsReference?: boolean;
  readonly imageSize?: number;
  readonly maxNewTokens: number;
  readonly json?: boolean;
}

export async function image2text(options: Image2TextOptions, context: Context): Promise<void> {
  const { print, note, signal } = context;
  if (options.image === '-' && options.prompt === '-')
    throw new ArgumentError('--image and --prompt must not both be read from stdin: name a file for one of them');
  const asked = options.prompt === undefined ? undefined : await readPrompt(options.prompt, signal);
  const picture = await readPicture(options.image, signal, { asReference: options.readAsReference });
  const plan = (config: HarmonConfig) => ({
    question: asked ?? config.question,
    imageSize: options.imageSize ?? defaultSide(config),
    maxNewTokens: options.maxNewTokens,
  });
  await withModel({ ...options, fit: describing(options) }, context, plan, async (model, request, watch) => {
    const show = (text: string) => {
      if (!options.json) print(text);
    };
    const { text, ids } = await describePicture(model, picture, request, context, watch, show);
    const seconds = watch.seconds();
    const adapter = model.device.description;
    if (options.json) {
      const result = {
        text,
        output_ids: ids,
        image: options.image,
        question: request.question,
        image_size: request.imageSize,
      };
      print(`${JSON.stringify({ ...result, model: model.config.name, adapter, seconds })}\n`);
      return;
    }
    print('\n');
    note(`${counted(ids.length, 'token')} on ${adapter}: ${phasesText(seconds)}\n`);
  });
}
