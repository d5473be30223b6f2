/** `overtone edit`: a picture file, and what of it is made anew, to a picture file. */
import { ArgumentError } from '../../src/engine/index.ts';
import { type Edit, type EditOptions, editOf } from '../../src/harmon/edit.ts';
import { type Picture, resize } from '../../src/harmon/image.ts';
import { type HarmonConfig, type Mask, tile } from '../../src/harmon/index.ts';
import { tokenMask } from '../../src/harmon/mask.ts';
import type { ModelPaths } from '../model.ts';
import { identify } from '../model_hash.ts';
import { readPictureText } from '../picture_text.ts';
import { decodePicture } from '../pictures.ts';
import { type EditRecord, type PictureRecord, settingsOf } from '../../src/harmon/record.ts';
import { type RememberedEdit, editedPicture, isPicture, nameOfPicture, readEdit, rememberedEdit } from './edit_from.ts';
import type { Box } from './edit_values.ts';
import { readPictureFile, readPrompt } from './input.ts';
import { type Making, type MakingOptions, fitOf, requestOf, settleMaking } from './making.ts';
import { checkOutput, fillName } from './output_file.ts';
import { otherWeights, rememberedForm } from './remembered.ts';
import { type Context, defaultSide, makePictures, withModel } from './session.ts';
import { randomSeed } from './text2image.ts';
import { phasesText } from './timing.ts';
import { counted, visible } from './wording.ts';

export interface EditCommandOptions extends ModelPaths, Omit<MakingOptions, 'imageSize'> {
  /** What is edited; needed, but the parser leaves saying so to this command. */
  readonly image?: string;
  /** A picture made by edit, whose record says what is not said here. */
  readonly from?: string;
  readonly readAsReference?: boolean;
  readonly prompt?: string;
  readonly output: string;
  readonly seed?: number | 'new';
  /** Longest side that the picture is brought to first. */
  readonly imageSize?: number;
  readonly mask?: string;
  readonly box?: readonly Box[];
  readonly variation?: number;
  readonly extend?: EditOptions['extend'];
  readonly batchSize: number;
  readonly json?: boolean;
}

export async function edit(options: EditCommandOptions, context: Context): Promise<void> {
  const { print, note, signal } = context;
  const from = options.from === undefined ? undefined : await readEdit(options.from, signal);
  const image = checkOptions(options, from);
  const file = await readPictureFile(image, signal);
  const { whole, picture } = await sourceOf(file, options, from);
  const named = from?.edit.picture;
  if (named && !isPicture(picture, named))
    note(
      `The picture is another one than the one that was edited (${nameOfPicture(named)}): the new one will differ.\n`,
    );
  const mask = await readMask(options, whole, signal);
  const own = options.prompt ?? from?.prompt ?? readPictureText(file.bytes, file.name).record?.prompt;
  if (own === undefined)
    throw new ArgumentError(`--prompt must say what the picture shows, for ${visible(file.name)} does not remember it`);
  const prompt = options.prompt === undefined ? own : await readPrompt(own, signal);
  const seed = (options.seed === 'new' ? undefined : (options.seed ?? from?.seed)) ?? randomSeed();
  const output = await checkOutput(fillName(options.output, { seed, prompt }));
  const { variation, extend } = options;
  const layOut = (config: HarmonConfig): { asked: EditOptions; laidOut: Edit } => {
    checkSize(picture, config);
    const asked =
      from && !saysWhat(options) ? rememberedEdit(from.edit, picture, config) : { picture, mask, variation, extend };
    return { asked, laidOut: editOf(asked, config) };
  };
  await withModel(
    {
      ...options,
      quantise: options.quantise ?? rememberedForm(from),
      fit(config) {
        const { laidOut } = layOut(config);
        const imageSize = [16 * laidOut.grid[1], 16 * laidOut.grid[0]] as const;
        return fitOf({ ...settleEdit(options, laidOut, config, from), imageSize });
      },
    },
    context,
    async (config, files) => {
      const { asked, laidOut } = layOut(config);
      const making = settleEdit(options, laidOut, config, from);
      const [width, height] = making.imageSize.map((side) => side * making.gridSize);
      await output.reserve(width, height, signal);
      const model = await identify(files, signal);
      const differs = from && otherWeights(from, model);
      if (differs) note(differs);
      return { asked, laidOut, making, model };
    },
    async (harmon, { asked, laidOut, making, model }, watch) => {
      const { imageSize: _, ...request } = requestOf(making);
      const all = { ...request, prompt, seed, batchSize: options.batchSize, edit: asked };
      const pictures = await makePictures(harmon, all, context, watch);
      const adapter = harmon.device.description;
      const record: PictureRecord = { prompt, seed, ...making, edit: editRecordOf(asked, laidOut), model, adapter };
      const result = tile(pictures, making.gridSize);
      await output.save(result, record);
      watch.mark('save');
      const seconds = watch.seconds();
      const { width, height } = result;
      if (options.json) {
        const [masks, seeds] = [pictures.map((p) => rowsOf(p.mask!)), pictures.map((p) => p.seed)];
        const settings = { ...settingsOf(record), model: model.name, model_hash: model.hash };
        const places = { output: output.path, image, width, height };
        print(`${JSON.stringify({ ...places, seeds, masks, ...settings, seconds })}\n`);
        return;
      }
      const squares = laidOut.grid[0] * laidOut.grid[1];
      const made = `${laidOut.made} of ${counted(squares, 'square')} made anew`;
      const how = `${width}×${height}, ${made}, ${counted(making.iterations, 'iteration')}, seed ${seed}`;
      print(`Picture  ${visible(output.path)} (${how})\nAdapter  ${adapter}\nTime     ${phasesText(seconds)}\n`);
    },
  );
}

/** Whether the options say what is made anew. */
const saysWhat = ({ mask, box, variation, extend }: EditCommandOptions): boolean =>
  mask !== undefined || box !== undefined || variation !== undefined || isExtension(extend);

const isExtension = (extend: EditOptions['extend']): boolean => Object.values(extend ?? {}).some((by) => by > 0);

/** Checks what can be checked before any file is read; returns the picture's. */
function checkOptions(options: EditCommandOptions, from: RememberedEdit | undefined): string {
  const { image, prompt, mask, box, variation, extend } = options;
  const refuse = (sentence: string): never => {
    throw new ArgumentError(sentence);
  };
  if (image === undefined) {
    const source = from?.edit.picture;
    const which = source ? `, the one that was edited (${nameOfPicture(source)})` : '';
    return refuse(`--image must name the picture to edit${which}`);
  }
  if ([image, prompt, mask, options.from].filter((source) => source === '-').length > 1)
    refuse('only one of --image, --mask, --from and --prompt must be read from stdin: name a file for the others');
  if (!from && !saysWhat(options))
    refuse('what is made anew must be said: give --mask, --box, --variation or --extend');
  if (mask !== undefined && box) refuse('--mask and --box must not be given together: paint the box into the mask');
  if (variation !== undefined && isExtension(extend))
    refuse('--variation and --extend must not be given together: extend the picture first, then vary it');
  return image;
}

/** The picture of a file as it is, and as it is edited: at the size asked for, or at the one it was edited at. */
async function sourceOf(
  { bytes, name }: Awaited<ReturnType<typeof readPictureFile>>,
  options: EditCommandOptions,
  from: RememberedEdit | undefined,
): Promise<{ whole: Picture; picture: Picture }> {
  const named = from?.edit.picture;
  const read = async (asReference?: boolean) => {
    const whole = await decodePicture(bytes, name, { asReference });
    const isSized = named && whole.width === named.width && whole.height === named.height;
    const longest = named && !isSized ? Math.max(named.width, named.height) : undefined;
    return { whole, picture: brought(whole, options.imageSize ?? longest) };
  };
  const asAsked = await read(options.readAsReference);
  if (!named || isPicture(asAsked.picture, named)) return asAsked;
  const otherwise = await read(!options.readAsReference);
  return isPicture(otherwise.picture, named) ? otherwise : asAsked;
}

/** The mask of the options, if any: a file's, or the boxes' in the picture's own pixels. */
export async function readMask(
  { mask, box }: Pick<EditCommandOptions, 'mask' | 'box'>,
  { width, height }: Picture,
  signal: AbortSignal,
): Promise<Mask | undefined> {
  if (mask !== undefined) {
    const { bytes, name } = await readPictureFile(mask, signal);
    return decodePicture(bytes, name, { asMask: true });
  }
  if (!box) return undefined;
  const data = new Uint8Array(width * height);
  for (const { x, y, width: w, height: h } of box) {
    const [left, right, top, bottom] = [
      Math.max(x, 0),
      Math.min(x + w, width),
      Math.max(y, 0),
      Math.min(y + h, height),
    ];
    if (left >= right || top >= bottom)
      throw new ArgumentError(
        `the box must touch the picture, which is ${width}×${height}, but is ${[x, y, w, h].join()}`,
      );
    for (let row = top; row < bottom; row++) data.fill(255, row * width + left, row * width + right);
  }
  return { width, height, data };
}

/** The picture with its longest side at `side` pixels. */
function brought(picture: Picture, side: number | undefined): Picture {
  if (side === undefined) return picture;
  const scale = side / Math.max(picture.width, picture.height);
  const [width, height] = [picture.width, picture.height].map((length) => Math.max(1, Math.round(length * scale)));
  return resize(picture, width, height);
}

/** @throws ArgumentError for a picture that no model of this configuration takes. */
function checkSize({ width, height }: Picture, config: HarmonConfig): void {
  const squares = Math.ceil(width / 16) * Math.ceil(height / 16);
  const most = config.language.maxPositions - config.mar.bufferTokens;
  if (Math.max(width, height) > 4096 || squares >= most)
    throw new ArgumentError(
      `--image must have sides of at most 4096 pixels and fewer than ${most} squares of 16 pixels but is ${width}×${height}: bring it to a smaller size, as with --image-size ${defaultSide(config)}`,
    );
}

/** The settings of an edit. @throws ArgumentError for more iterations than there are squares to make. */
export function settleEdit(
  options: Omit<MakingOptions, 'imageSize'>,
  { grid, crop, made }: Edit,
  config: HarmonConfig,
  remembered?: Making,
): Making {
  const iterations = options.numIter ?? Math.min(remembered?.iterations ?? 64, made);
  if (iterations > made)
    throw new ArgumentError(
      `--num-iter must be at most ${made}, one for each square that is made anew, but is ${iterations}`,
    );
  const canvas = [16 * grid[1], 16 * grid[0]] as const;
  const making = settleMaking({ ...options, imageSize: canvas, numIter: iterations }, config, remembered);
  return { ...making, imageSize: [crop.width, crop.height] };
}

export function editRecordOf(
  { picture, mask, variation, extend }: EditOptions,
  { grid, candidates }: Edit,
): EditRecord {
  return {
    picture: editedPicture(picture),
    ...(mask && { mask: rowsOf(tokenMask(grid, candidates)) }),
    ...(variation !== undefined && { variation }),
    ...(extend && { extend }),
  };
}

/** `#` for squares that were made anew. */
function rowsOf({ width, height, data }: Mask): string[] {
  const row = (y: number) => Array.from(data.subarray(y * width, (y + 1) * width), (byte) => (byte ? '#' : '.'));
  return Array.from({ length: height }, (_, y) => row(y).join(''));
}
