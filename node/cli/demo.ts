/** `overtone demo`: a picture made from words, and the words that the model finds for that picture. */
import type { HarmonConfig } from '../../src/harmon/index.ts';
import type { ModelPaths } from '../model.ts';
import { checkOutput, fillName } from './output_file.ts';
import { type Context, defaultSide, describePicture, makePictures, withModel } from './session.ts';
import { phasesText, stopwatch } from './timing.ts';
import { visible } from './wording.ts';

export interface DemoOptions extends ModelPaths {
  readonly output: string;
  readonly seed: number;
  readonly json?: boolean;
}

/** The reference's own example prompt. */
export const EXAMPLE_PROMPT = 'a dog on the left and a cat on the right.';
const ITERATIONS = 16;

export async function demo(options: DemoOptions, context: Context): Promise<void> {
  const prompt = EXAMPLE_PROMPT;
  const { seed, json } = options;
  const output = await checkOutput(fillName(options.output, { seed, prompt }));
  const say = (label: string, text: string, end = '\n') => {
    if (!json) context.print(`${label.padEnd(9)} ${text}${end}`);
  };
  const plan = async (config: HarmonConfig) => {
    await output.reserve(defaultSide(config), defaultSide(config), context.signal);
    return config.question;
  };
  await withModel(options, context, plan, async (model, question, watch) => {
    const adapter = model.device.description;
    say('Adapter', adapter);
    say('Model', visible(model.config.name));
    say('Prompt', prompt);
    const request = { prompt, seed, count: 1, batchSize: 1, iterations: ITERATIONS };
    const [picture] = await makePictures(model, request, context, watch);
    await output.save(picture, { prompt, settings: JSON.stringify({ seed, iterations: ITERATIONS }) });
    watch.mark('save');
    const making = watch.seconds();
    say(
      'Picture',
      `${visible(output.path)} (${picture.width}×${picture.height}, ${ITERATIONS} iterations, seed ${seed})`,
    );
    say('Time', phasesText(making));
    say('Question', visible(question));
    const describing = stopwatch();
    let label = 'Answer';
    const { text, ids } = await describePicture(model, picture, {}, context, describing, (piece) => {
      if (label) say(label, piece, '');
      else if (!json) context.print(piece);
      label = '';
    });
    const answering = describing.seconds();
    if (json) {
      const made = { output: output.path, prompt, seed, iterations: ITERATIONS, seconds: making };
      const answered = { question, text, output_ids: ids, seconds: answering };
      context.print(
        `${JSON.stringify({ adapter, model: model.config.name, text2image: made, image2text: answered })}\n`,
      );
    } else {
      context.print('\n');
      say('Time', phasesText(answering));
    }
  });
}
