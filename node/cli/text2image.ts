/** `overtone text2image`: words to a picture file. */
import { ArgumentError } from '../../src/engine/index.ts';
import { vaeStride } from '../../src/harmon/config.ts';
import { type GuidanceSchedule, type HarmonConfig, tile } from '../../src/harmon/index.ts';
import type { ModelPaths } from '../model.ts';
import { readPrompt } from './input.ts';
import { checkOutput, fillName } from './output_file.ts';
import { type Context, defaultSide, makePictures, withModel } from './session.ts';
import { phasesText } from './timing.ts';
import type { Size } from './values.ts';
import { counted, visible } from './wording.ts';

export interface Text2ImageOptions extends ModelPaths {
  readonly prompt: string;
  readonly output: string;
  readonly imageSize?: Size;
  readonly numIter?: number;
  readonly cfg: number;
  readonly cfgPrompt?: string;
  readonly cfgSchedule: GuidanceSchedule;
  readonly temperature: number;
  readonly gridSize: number;
  readonly batchSize: number;
  readonly timesteps?: number;
  readonly seed?: number;
  readonly json?: boolean;
}

export const randomSeed = (): number => Math.floor(Math.random() * 2 ** 32);

export async function text2image(options: Text2ImageOptions, context: Context): Promise<void> {
  const { print, signal } = context;
  const seed = options.seed ?? randomSeed();
  const prompt = await readPrompt(options.prompt, signal);
  const output = await checkOutput(fillName(options.output, { seed, prompt }));
  const plan = async (config: HarmonConfig) => {
    const request = { ...planPictures(options, config), prompt, seed };
    const [width, height] = request.imageSize.map((side) => side * options.gridSize);
    await output.reserve(width, height, signal);
    return request;
  };
  await withModel(options, context, plan, async (model, request, watch) => {
    const pictures = await makePictures(model, request, context, watch);
    const picture = tile(pictures, options.gridSize);
    const settings = {
      seed,
      iterations: request.iterations,
      cfg: options.cfg,
      cfg_schedule: options.cfgSchedule,
      temperature: options.temperature,
      image_size: request.imageSize,
      model: model.config.name,
    };
    await output.save(picture, { prompt, settings: JSON.stringify(settings) });
    watch.mark('save');
    const seconds = watch.seconds();
    const seeds = pictures.map((p) => p.seed);
    const adapter = model.device.description;
    if (options.json) {
      const { width, height } = picture;
      print(
        `${JSON.stringify({ output: output.path, width, height, prompt, seeds, ...settings, adapter, seconds })}\n`,
      );
      return;
    }
    const made = `${picture.width}×${picture.height}, ${counted(request.iterations, 'iteration')}, seed ${seed}`;
    print(`Picture  ${visible(output.path)} (${made})\nAdapter  ${adapter}\nTime     ${phasesText(seconds)}\n`);
  });
}

/** The request at the configuration's sizes. @throws ArgumentError for more iterations than there are tokens to make. */
function planPictures(options: Text2ImageOptions, config: HarmonConfig) {
  const side = defaultSide(config);
  const [width, height] = options.imageSize ?? [side, side];
  const squares = (width * height) / vaeStride(config) ** 2;
  const iterations = options.numIter ?? Math.min(64, squares);
  if (iterations > squares)
    throw new ArgumentError(
      `--num-iter must be at most ${squares}, one for each square of ${vaeStride(config)} pixels in ${width}×${height}, but is ${iterations}`,
    );
  return {
    iterations,
    imageSize: [width, height] as const,
    count: options.gridSize ** 2,
    batchSize: options.batchSize,
    guidance: options.cfg,
    guidanceSchedule: options.cfgSchedule,
    guidancePrompt: options.cfgPrompt,
    temperature: options.temperature,
    timesteps: options.timesteps,
  };
}
