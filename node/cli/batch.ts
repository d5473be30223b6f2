/**
 * `overtone batch`: a picture file for each entry of a list, named by its place. It goes on where it stopped: an entry whose picture is whole
 * and was made from the same prompt, settings and weights is done.
 */
import { ArgumentError, FileError, throwIfAborted } from '../../src/engine/index.ts';
import { type GeneratedPicture, type Harmon, type Randomness, seeded, tile } from '../../src/harmon/index.ts';
import type { ModelPaths } from '../model.ts';
import { identify } from '../model_hash.ts';
import { type PictureRecord, settingsOf } from '../../src/harmon/record.ts';
import { entryFile, entryState, saveEntry } from './batch_files.ts';
import { type BadEntry, type Entry, parseBatchList } from './batch_list.ts';
import { readBytes } from './input.ts';
import { type Making, type MakingOptions, fitOf, requestOf, settleMaking } from './making.ts';
import { checkOutput } from './output_file.ts';
import type { Step } from './progress.ts';
import { type Context, loadProgress, withModel } from './session.ts';
import { type Shard, shardOf } from './shard.ts';
import { type Stopwatch, phasesText } from './timing.ts';
import { counted, visible } from './wording.ts';

export interface BatchOptions extends ModelPaths, MakingOptions {
  readonly list: string;
  /** Folder. */
  readonly output: string;
  /** Of the first picture of the list; each picture has the next one, whichever are made. */
  readonly seed: number;
  readonly batchSize: number;
  readonly shard?: Shard;
  readonly shards?: number;
  readonly json?: boolean;
}

export async function batch(options: BatchOptions, context: Context): Promise<void> {
  const { signal, note, print, progress } = context;
  const { list, output: folder, seed } = options;
  const name = list === '-' ? 'stdin' : list;
  const shard = shardOf(options, process.env);
  const all = parseBatchList(await readBytes(list, signal), name);
  const share = all.filter(({ index }) => !shard || index % shard.of === shard.index);
  const entries = share.filter((entry): entry is Entry => 'text' in entry);
  const bad: BadEntry[] = [];
  const refuse = (entry: BadEntry) => {
    bad.push(entry);
    note(`${visible(name)}: entry ${entry.index}: ${entry.problem}\n`);
  };
  const place = await checkOutput(entryFile(folder, 0, 'jpg'));
  for (const entry of share) if ('problem' in entry) refuse(entry);

  await withModel(
    { ...options, fit: (config) => fitOf(settleMaking(options, config)) },
    context,
    async (config, files) => {
      const making = settleMaking(options, config);
      const perEntry = making.gridSize ** 2;
      seeded(seed, Math.max(1, all.length * perEntry)); // throws where seeds would run out
      const [width, height] = making.imageSize.map((side) => side * making.gridSize);
      await place.reserve(width, height, signal);
      const model = await identify(files, signal);
      const recordOf = ({ index, caption }: Entry, adapter: string): PictureRecord => {
        return { prompt: caption, seed: seed + index * perEntry, ...making, model, adapter };
      };
      const pending: Entry[] = [];
      const step = entries.length > 0 ? progress.step('Looking', entries.length) : undefined;
      for (const [i, entry] of entries.entries()) {
        throwIfAborted(signal, 'batch');
        const found = await entryState(folder, entry, recordOf(entry, ''));
        if (found === 'missing') pending.push(entry);
        if (found === 'foreign') refuse({ index: entry.index, problem: foreign(folder, entry) });
        step?.update(i + 1);
      }
      step?.end();
      const kept = share.length - bad.length - pending.length;
      return { making, pending, kept, recordOf };
    },
    async (harmon, { making, pending, kept, recordOf }, watch) => {
      const adapter = harmon.device.description;
      const draw = drawer(harmon, making, options, context, watch, pending.length);
      let made = 0;
      const make = async (some: readonly Entry[]): Promise<void> => {
        try {
          const pictures = await draw(some);
          for (const [i, entry] of some.entries())
            await saveEntry(folder, entry, tile(pictures[i], making.gridSize), recordOf(entry, adapter));
          made += some.length;
          watch.mark('save');
        } catch (error) {
          if (!(error instanceof ArgumentError)) throw error;
          // one of them cannot be made, such as a prompt beyond the context: the others can
          if (some.length > 1) for (const entry of some) await make([entry]);
          else refuse({ index: some[0].index, problem: error.message });
        }
      };
      const together = Math.max(1, Math.floor(options.batchSize / making.gridSize ** 2));
      for (let first = 0; first < pending.length; first += together) await make(pending.slice(first, first + together));
      progress.stop();
      const seconds = watch.seconds();
      if (options.json) {
        const { model, ...settings } = settingsOf(recordOf({ index: 0, caption: '', text: '' }, adapter));
        const result = {
          output: folder,
          entries: share.length,
          of: all.length,
          shard: shard && `${shard.index}/${shard.of}`,
          made,
          kept,
          failed: bad,
          ...settings,
          prompt: undefined,
          model: model.name,
          model_hash: model.hash,
          seconds,
        };
        print(`${JSON.stringify(result)}\n`);
        return;
      }
      const there = kept ? `, ${kept} were there` : '';
      const part = shard
        ? ` (shard ${shard.index}/${shard.of}: ${share.length} of ${counted(all.length, 'entry')})`
        : '';
      print(`Pictures ${made} made${there}, in ${visible(folder)}${part}\n`);
      print(`Adapter  ${adapter}\nTime     ${phasesText(seconds)}\n`);
    },
  );
  if (bad.length > 0) throw new FileError(failure(name, bad, share.length));
}

/** Makes the pictures of some entries, all together, and shows how far the whole run is. */
function drawer(
  harmon: Harmon,
  making: Making,
  { seed, batchSize }: BatchOptions,
  { signal, progress }: Context,
  watch: Stopwatch,
  entries: number,
): (some: readonly Entry[]) => Promise<GeneratedPicture[][]> {
  const { gridSize, iterations } = making;
  const perEntry = gridSize ** 2;
  let step: Step | undefined;
  let before = 0;
  const begin = () =>
    (step ??= progress.step('Pictures', entries * iterations, (units) => String(Math.floor(units / iterations))));
  return async (some) => {
    const places = some.flatMap(({ index }) => Array.from({ length: perEntry }, (_, i) => index * perEntry + i));
    const share = some.length * iterations;
    const pictures = await harmon.generate({
      ...requestOf(making),
      prompt: some.map(({ caption }) => caption),
      batchSize,
      randomness: atPlaces(seeded(seed), places),
      signal,
      onLoad: loadProgress(progress, (phase) => watch.mark(phase), begin),
      onIteration: ({ done, total }) => begin().update(Math.floor(before + (done / total) * share)),
    });
    before += share;
    watch.mark('pictures');
    return some.map((_, i) => pictures.slice(i * perEntry, (i + 1) * perEntry));
  };
}

/** What a run draws for its picture p is what the whole list draws for picture places[p]. */
const atPlaces = (all: Randomness, places: readonly number[]): Randomness => ({
  order: (p, ...rest) => all.order(places[p], ...rest),
  noise: (p, ...rest) => all.noise(places[p], ...rest),
});

const foreign = (folder: string, { index }: Entry): string =>
  `${visible(entryFile(folder, index, 'jpg'))} must be a picture of batch, which remembers how it was made, but is another file: move it, or name another --output`;

function failure(name: string, bad: readonly BadEntry[], entries: number): string {
  const shown = bad.slice(0, 8).map(({ index }) => index);
  const more = bad.length > shown.length ? ` and ${bad.length - shown.length} more` : '';
  return `${name}: ${bad.length} of ${counted(entries, 'entry')} could not be made (${shown.join(', ')}${more}), the rest is done: mend them and run it again`;
}
