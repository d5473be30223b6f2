/** Makes the jobs of the queue one after the other, puts what they give into the history, and keeps the queue over a reload. */
import { effect, untracked } from '@preact/signals';
import { AbortError, GpuError } from '../../src/engine/index.ts';
import { editOf } from '../../src/harmon/edit.ts';
import type { GenerateProgress, HarmonConfig, Picture } from '../../src/harmon/index.ts';
import { drawOrders, seeded } from '../../src/harmon/random.ts';
import { maskedLoop } from '../../src/harmon/schedule.ts';
import { rememberMade } from './history_actions.ts';
import { problemOf } from './logic/problem.ts';
import { type Job, addJob, adopted, failJob, nextJob, removeJob } from './logic/queue.ts';
import { NO_PACE, paceAfter } from './logic/remaining.ts';
import { recordOf } from './logic/restore.ts';
import { type Settings, type SettledSettings, settle, smallerThan } from './logic/settings.ts';
import { cellsOf, sweepOf } from './logic/sheet.ts';
import { WorkerError } from '../index.ts';
import { type OpenedModel, isGone, model, reopenDevice } from './model.ts';
import { drawSheet } from './parts/draw_sheet.ts';
import { type Notice, draft, jobs, notice, selected, showPreviews, watching, work } from './state.ts';
import { allJobs, putJobs } from './store/database.ts';
import { readPicture } from './store/pictures.ts';
import { decodeBlob } from './store/pixels.ts';

const tab = crypto.randomUUID();
const LOCK = 'overtone-tab-';

/** A seed of 32 bits. */
export const randomSeed = (): number => crypto.getRandomValues(new Uint32Array(1))[0];

/** Takes up the queue of the last visit, and works from then on. */
export async function startQueue(): Promise<void> {
  await new Promise<void>((held) => {
    // held as long as the page lives: other tabs see that this one is there
    const keep = () => new Promise<void>(() => held());
    if (navigator.locks === undefined) held();
    else navigator.locks.request(LOCK + tab, keep).catch(() => held());
  });
  const state = await navigator.locks?.query();
  const alive = new Set(state?.held?.map(({ name }) => name?.slice(LOCK.length) ?? ''));
  jobs.value = [...adopted(await allJobs(), tab, alive), ...jobs.value];
  effect(() => void putJobs(jobs.value, tab));
  effect(() => {
    const next = nextJob(jobs.value);
    if (model.value.state !== 'ready' || work.value || !next) return;
    const { opened } = model.value;
    untracked(() => void run(next, opened));
  });
}

/** Adds what the form says, but for `changes`; with an edit, for that. */
export function enqueue(more: Pick<Job, 'edit' | 'sheet'> = {}, changes: Partial<Settings> = {}): void {
  const settings = settle({ ...draft.value, ...changes }, randomSeed);
  if (!work.value) watching.value = true;
  jobs.value = addJob(jobs.value, { id: crypto.randomUUID(), settings, tab, ...more });
}

/** Cancels one job, at work or not. */
export function cancelJob(id: string): void {
  if (work.value?.job.id === id) work.value.stop.abort();
  jobs.value = removeJob(jobs.value, id);
}

/** Cancels all jobs. */
export function cancelAll(): void {
  work.value?.stop.abort();
  jobs.value = [];
}

async function run(job: Job, opened: OpenedModel): Promise<void> {
  const stop = new AbortController();
  work.value = {
    job,
    stop,
    done: 0,
    total: job.settings.iterations * job.settings.count,
    pace: NO_PACE,
    pictures: [],
    masked: [],
    grid: [0, 0],
  };
  try {
    const ids = job.sheet ? await makeSheet(job, opened, stop.signal) : await makePictures(job, opened, stop.signal);
    jobs.value = removeJob(jobs.value, job.id);
    if (watching.value) selected.value = ids[0];
  } catch (error) {
    if (error instanceof AbortError || stop.signal.aborted) jobs.value = removeJob(jobs.value, job.id);
    else await goOnAfter(error, job, opened);
  } finally {
    work.value = undefined;
  }
}

/** Jobs that lost their device or worker once already. */
const unlucky = new Set<string>();

/** A job that lost its device or its worker is begun again once, when there is another; any other failure is kept with its reason. */
async function goOnAfter(error: unknown, job: Job, opened: OpenedModel): Promise<void> {
  const problem = problemOf(error);
  const isLoss = error instanceof WorkerError || isGone(error);
  const again = isLoss && !unlucky.has(job.id);
  if (again) unlucky.add(job.id);
  else jobs.value = failJob(jobs.value, job.id, problem.text);
  notice.value = again
    ? { text: `${problem.title}: the picture is begun again as soon as the model is open.` }
    : { text: problem.title, problem, instead: smallerInstead(error, job) };
  if (isGone(error)) await reopenDevice(opened);
}

/** After a picture for which memory lacked: the same, smaller. */
function smallerInstead(error: unknown, { id, settings, edit, sheet }: Job): Notice['instead'] {
  const smaller = smallerThan(settings);
  if (!(error instanceof GpuError) || error.kind !== 'out-of-memory' || edit || !smaller) return undefined;
  const { width, height, count } = { ...settings, ...smaller };
  return {
    name: smaller.count ? `Make ${count} at once` : `Make it at ${width}×${height}`,
    run() {
      jobs.value = removeJob(jobs.value, id);
      enqueue({ sheet }, { ...settings, ...smaller });
    },
  };
}

async function makePictures(job: Job, opened: OpenedModel, signal: AbortSignal): Promise<string[]> {
  const { settings, edit } = job;
  const source = edit && (await decodeBlob(await readPicture(edit.source), 'The picture to edit'));
  const original = source && (await nameOfPicture(source));
  const made = await generate(settings, edit && source && { ...edit, picture: source }, opened, signal);
  const remembering = made.map(({ mask, ...picture }, i) => {
    const record = recordOf(
      { ...settings, seed: settings.seed + i },
      opened.identity,
      opened.adapter,
      edit && {
        imageSize: [picture.width, picture.height],
        edit: {
          ...(original && { picture: original }),
          ...(edit.mask && mask && { mask: rowsOf(mask.data, mask.width) }),
          ...(edit.variation !== undefined && { variation: edit.variation }),
          ...(edit.extend && { extend: edit.extend }),
        },
      },
    );
    return rememberMade(picture, record);
  });
  return Promise.all(remembering);
}

/** A picture as a record names it, by its pixels. */
async function nameOfPicture({ width, height, data }: Picture) {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new Uint8Array(data)));
  const sha256 = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return { sha256, width, height };
}

async function makeSheet(job: Job, opened: OpenedModel, signal: AbortSignal): Promise<string[]> {
  const plan = job.sheet!;
  const cells = cellsOf(job.settings, plan);
  const total = cells.reduce((sum, { iterations }) => sum + iterations, 0);
  const pictures: Picture[] = [];
  let before = 0;
  for (const cell of cells) {
    pictures.push(...(await generate(cell, undefined, opened, signal, { before, total })));
    before += cell.iterations;
  }
  const sheet = drawSheet(pictures, plan);
  const record = recordOf({ ...job.settings, count: 1 }, opened.identity, opened.adapter, { sweep: sweepOf(plan) });
  return [await rememberMade(sheet, record)];
}

type EditRequest = NonNullable<Job['edit']> & { readonly picture: Picture };

/** One call of the model, shown as it goes on. `of` says where it stands in a job of several. */
async function generate(
  settings: SettledSettings,
  edit: EditRequest | undefined,
  { harmon, config }: OpenedModel,
  signal: AbortSignal,
  of?: { readonly before: number; readonly total: number },
) {
  const { width, height, ...making } = settings;
  const asked = edit && { picture: edit.picture, mask: edit.mask, variation: edit.variation, extend: edit.extend };
  const shownMask = maskShower(settings, asked, config);
  const iterations = Math.min(settings.iterations, shownMask.tokens);
  const show = async (progress: GenerateProgress) => {
    const before = of?.before ?? 0;
    const step = Math.min(iterations, progress.done - Math.floor(progress.first / 4) * iterations);
    update({
      done: before + progress.done,
      total: of?.total ?? progress.total,
      loaded: undefined,
      grid: shownMask.grid,
      masked: shownMask.at(progress.first, progress.pictures, step, iterations),
    });
    if (work.value) work.value = { ...work.value, pace: paceAfter(work.value.pace, performance.now()) };
    if (showPreviews.value && progress.done < progress.total) update({ pictures: await progress.preview() });
  };
  return harmon.generate({
    ...making,
    iterations,
    ...(asked ? { edit: asked } : { imageSize: [width, height] as const }),
    signal,
    onIteration: show,
    onLoad: (loaded) => update({ loaded: loaded.loadedBytes < loaded.totalBytes ? loaded : undefined }),
  });
}

function update(change: Partial<NonNullable<typeof work.value>>): void {
  if (work.value) work.value = { ...work.value, ...change };
}

/** Tells which squares are not made yet: seeds decide their order, the same way here as in the model. */
function maskShower(settings: SettledSettings, asked: Omit<EditRequest, 'source'> | undefined, config: HarmonConfig) {
  const laidOut = asked && editOf(asked, config);
  const grid = laidOut?.grid ?? ([settings.height / 16, settings.width / 16] as const);
  const candidates = laidOut?.candidates ?? Uint32Array.from({ length: grid[0] * grid[1] }, (_, g) => g);
  const tokens = laidOut?.made ?? candidates.length;
  const orders = drawOrders(seeded(settings.seed, settings.count), settings.count, candidates, tokens);
  return {
    grid,
    tokens,
    at(first: number, pictures: number, step: number, iterations: number): Uint8Array[] {
      const left = maskedLoop(tokens, iterations, 1)[Math.max(0, step - 1)].remaining;
      return orders.slice(first, first + pictures).map((order) => {
        const masked = new Uint8Array(grid[0] * grid[1]);
        for (let i = 0; i < left; i++) masked[order[i]] = 1;
        return masked;
      });
    },
  };
}

/** `#` for squares that were made anew, as records have it. */
function rowsOf(data: Uint8Array, width: number): string[] {
  const row = (y: number) => Array.from(data.subarray(y * width, (y + 1) * width), (byte) => (byte ? '#' : '.'));
  return Array.from({ length: data.length / width }, (_, y) => row(y).join(''));
}
