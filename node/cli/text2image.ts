/** `overtone text2image`: words to a picture file. */
import { ArgumentError } from '../../src/engine/index.ts';
import { tile } from '../../src/harmon/index.ts';
import type { ModelPaths } from '../model.ts';
import { identify } from '../model_hash.ts';
import { type PictureRecord, settingsOf } from '../../src/harmon/record.ts';
import { EXAMPLE_PROMPT } from './demo.ts';
import { nameOfPicture } from './edit_from.ts';
import { readPrompt, readRecord } from './input.ts';
import { type MakingOptions, fitOf, requestOf, settleMaking } from './making.ts';
import { checkOutput, fillName } from './output_file.ts';
import { otherWeights, rememberedForm } from './remembered.ts';
import { type Context, makeSeries, withModel } from './session.ts';
import { drawLabels, labelledSheet, sheetSize } from './sheet.ts';
import { type SweepAxis, type SweepPoint, sweepAxes } from './sweep.ts';
import { phasesText } from './timing.ts';
import { quote } from './values.ts';
import { counted, visible } from './wording.ts';

export interface Text2ImageOptions extends ModelPaths, MakingOptions {
  readonly prompt?: string;
  readonly output: string;
  /** A picture whose record says what is not said here. */
  readonly from?: string;
  readonly seed?: number | 'new';
  /** Axes of a labelled sheet. */
  readonly sweep?: readonly string[];
  readonly batchSize: number;
  readonly json?: boolean;
}

export const randomSeed = (): number => Math.floor(Math.random() * 2 ** 32);

export async function text2image(options: Text2ImageOptions, context: Context): Promise<void> {
  const { print, note, signal } = context;
  if (options.from === '-' && options.prompt === '-')
    throw new ArgumentError('--from and --prompt must not both be read from stdin: name a file for one of them');
  const from = options.from === undefined ? undefined : await readRecord(options.from, signal);
  const source = from?.edit?.picture;
  if (from?.edit)
    throw new ArgumentError(
      `--from must be a picture made from words but ${quote(options.from!)} is an edit of another one${source ? ` (${nameOfPicture(source)})` : ''}: overtone edit --from ${quote(options.from!)} --image makes it again from that one`,
    );
  const seed = (options.seed === 'new' ? undefined : (options.seed ?? from?.seed)) ?? randomSeed();
  const asked = options.prompt ?? from?.prompt ?? EXAMPLE_PROMPT;
  const prompt = options.prompt === undefined ? asked : await readPrompt(asked, signal);
  const sweep = options.sweep ?? from?.sweep;
  const axes = sweepAxes(sweep ?? []);
  const labels = { columns: labelsOf(axes[0]), rows: labelsOf(axes[1]) };
  const output = await checkOutput(fillName(options.output, { seed, prompt }));
  if (sweep) await drawLabels(labels, 1, 1); // before any work: it may lack sharp or a font
  await withModel(
    {
      ...options,
      quantise: options.quantise ?? rememberedForm(from),
      fit: (config) => fitOf(settleMaking(options, config, from)),
    },
    context,
    async (config, files) => {
      const making = settleMaking(options, config, from);
      const [width, height] = making.imageSize.map((side) => side * making.gridSize);
      await output.reserve(...(sweep ? sheetSize(labels, width, height) : ([width, height] as const)), signal);
      const points = pointsOf(axes).map((point) => ({
        ...requestOf(settleMaking({ ...options, ...point }, config, from)),
        prompt,
        seed: point.seed ?? seed,
        batchSize: options.batchSize,
      }));
      const identity = identify(files, signal); // while the device opens
      identity.catch(() => undefined);
      const differs = from && otherWeights(from, await identity);
      if (differs) note(differs);
      return { making, points, identity };
    },
    async (harmon, { making, points, identity }, watch) => {
      const adapter = harmon.device.description;
      const model = await identity;
      const record: PictureRecord = { prompt, seed, ...making, ...(sweep && { sweep }), model, adapter };
      const made = await makeSeries(harmon, points, context, watch);
      const tiles = made.map((pictures) => tile(pictures, making.gridSize));
      const picture = sweep ? await labelledSheet(labels, tiles) : tiles[0];
      await output.save(picture, record);
      watch.mark('save');
      const seconds = watch.seconds();
      const seeds = made.flatMap((pictures) => pictures.map((p) => p.seed));
      const { width, height } = picture;
      if (options.json) {
        const settings = { ...settingsOf(record), model: model.name, model_hash: model.hash };
        print(`${JSON.stringify({ output: output.path, width, height, seeds, ...settings, seconds })}\n`);
        return;
      }
      const many = sweep ? `, ${counted(tiles.length, 'picture')}` : '';
      const how = `${width}×${height}${many}, ${counted(making.iterations, 'iteration')}, seed ${seed}`;
      print(`Picture  ${visible(output.path)} (${how})\nAdapter  ${adapter}\nTime     ${phasesText(seconds)}\n`);
    },
  );
}

const labelsOf = (axis: SweepAxis | undefined): string[] => axis?.points.map(({ label }) => label) ?? [];

/** The places of a sheet, row by row; one place without axes. */
function pointsOf([columns, rows]: readonly SweepAxis[]): SweepPoint[] {
  const all = (axis: SweepAxis | undefined): SweepPoint[] => axis?.points.map(({ point }) => point) ?? [{}];
  return all(rows).flatMap((row) => all(columns).map((column) => ({ ...column, ...row })));
}
