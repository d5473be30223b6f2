/** `overtone demo`: a picture made from words, and the words that the model finds for that picture. */
import type { HarmonConfig } from '../../src/harmon/index.ts';
import type { ModelFiles, ModelPaths } from '../model.ts';
import { identify } from '../model_hash.ts';
import { requestOf, settleMaking } from './making.ts';
import { checkOutput, fillName } from './output_file.ts';
import { type Context, bothTasks, describePicture, makePictures, withModel } from './session.ts';
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
  const plan = async (config: HarmonConfig, files: ModelFiles) => {
    const making = settleMaking({ numIter: ITERATIONS }, config);
    await output.reserve(...making.imageSize, context.signal);
    return { making, question: config.question, identity: await identify(files, context.signal) };
  };
  await withModel(
    { ...options, fit: bothTasks() },
    context,
    plan,
    async (model, { making, question, identity }, watch) => {
      const adapter = model.device.description;
      say('Adapter', adapter);
      say('Model', visible(model.config.name));
      say('Prompt', prompt);
      const request = { ...requestOf(making), prompt, seed, batchSize: 1 };
      const [picture] = await makePictures(model, request, context, watch);
      await output.save(picture, { prompt, seed, ...making, model: identity, adapter });
      watch.mark('save');
      const drawing = watch.seconds();
      say(
        'Picture',
        `${visible(output.path)} (${picture.width}×${picture.height}, ${ITERATIONS} iterations, seed ${seed})`,
      );
      say('Time', phasesText(drawing));
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
        const made = { output: output.path, prompt, seed, iterations: ITERATIONS, seconds: drawing };
        const answered = { question, text, output_ids: ids, seconds: answering };
        context.print(
          `${JSON.stringify({ adapter, model: model.config.name, text2image: made, image2text: answered })}\n`,
        );
      } else {
        context.print('\n');
        say('Time', phasesText(answering));
      }
    },
  );
}
