/**
 * How a task is laid out on a device of little memory, chosen from its plans alone, before anything is loaded. What is tried first changes least: as
 * without a limit; kernels whose weights are no larger than the checkpoint's; parts on the device only for their phase; pictures in bands of rows; fewer pictures at
 * once.
 * The form of the weights is settled before, when the model is opened: as stored, else in fewer bits, as far as that is allowed.
 */
import {
  ArgumentError,
  OvertoneError,
  type Plan,
  type PlannedBytes,
  type Quantised,
  plannedBytes,
  weightBytes,
} from '../engine/index.ts';
import { shown } from './options.ts';
import { aliasesOf } from './residence.ts';

/** What follows from a limit of memory. */
export interface Arrangement {
  /** Without kernels whose weights are larger than the checkpoint's. */
  readonly frugal: boolean;
  /** Whether only the passes of one phase lie on the device at a time. */
  readonly apart: boolean;
  /** Whether pictures are gone over in bands of rows. */
  readonly bands: boolean;
}

/** Bytes of a task on a device at the moment when it takes most. */
export interface MemoryNeed extends PlannedBytes {
  /** All of them, and what the device itself needs. */
  readonly total: number;
}

/** Uniforms and results of a device. */
const OWN_BYTES = 2 ** 20 + 2 ** 18;

/**
 * What groups of passes take, one after the other, each with the weights of the ones before for as long as `memory` holds both.
 */
export function memoryNeed(
  groups: readonly (readonly Plan[])[],
  aliases: Readonly<Record<string, string>>,
  memory = Infinity,
): MemoryNeed {
  let resident = new Map<string, number>();
  let most: MemoryNeed | undefined;
  // twice: the first group comes again after the last one, for the next pictures
  for (const group of groups.length > 1 ? [...groups, ...groups] : groups) {
    const { state, activations, largest } = plannedBytes(group, aliasesOf(group, aliases));
    const own = new Map(group.flatMap(({ weights }) => weights).map((o) => [o.key, sum(weightBytes(o))]));
    const rest = state + activations + OWN_BYTES + resultBytes(group);
    const both = new Map([...resident, ...own]);
    resident = sum([...both.values()]) + rest > memory ? own : both;
    const weights = sum([...resident.values()]);
    const need = { weights, state, activations, largest, total: weights + rest };
    if (!most || need.total > most.total) most = need;
  }
  return most!;
}

const sum = (sizes: readonly number[]): number => sizes.reduce((total, bytes) => total + bytes, 0);

/** What is read, a picture or what goes to the next phase, passes through a buffer of its size; smaller results have one that is always there. */
function resultBytes(plans: readonly Plan[]): number {
  return Math.max(0, ...plans.flatMap(({ named }) => ['image', 'z_enc'].map((name) => named.get(name)?.bytes ?? 0)));
}

/** `this needs 5.06 GB for weights, 0.62 GB for activations, 0.13 GB for caches`. */
export function needText({ weights, activations, state }: PlannedBytes): string {
  return `this needs ${gigabytes(weights)} for weights, ${gigabytes(activations)} for activations, ${gigabytes(state)} for caches`;
}

/** @throws ArgumentError unless `memory`, where it is given, is a number of bytes. */
export function checkMemory(subject: string, memory: unknown): void {
  if (memory === undefined || (typeof memory === 'number' && memory > 0 && Number.isFinite(memory))) return;
  throw new ArgumentError(`[${subject}] memory must be a number of bytes above 0 but is ${shown(memory)}`);
}

/** Bytes in the unit that reads best. */
export function gigabytes(bytes: number): string {
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(bytes < 1e8 ? 1 : 0)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}

/** Bytes of a task that is laid out so, for so many pictures at once. @throws OvertoneError `memory` for what no buffer holds. */
export type NeedOf = (arrangement: Arrangement, pictures: number) => MemoryNeed;

/** What is chosen, and what it takes. */
export interface Chosen extends Arrangement {
  readonly pictures: number;
}

const LADDER: readonly Arrangement[] = [
  { frugal: false, apart: false, bands: false },
  { frugal: true, apart: false, bands: false },
  { frugal: true, apart: true, bands: false },
  { frugal: true, apart: true, bands: true },
];

/** What takes least. */
export const LEAST = LADDER[LADDER.length - 1];

/**
 * The first arrangement that fits `memory`, with as many pictures at once as fit, at most `pictures`; without `memory`, all on the device and as many as
 * its buffers hold. `others`: forms of matrices that are named as a cure where they would fit. @throws OvertoneError `memory` with the bytes of the least
 * and the cure.
 */
export function arrange(
  needOf: NeedOf,
  pictures: number,
  memory: number | undefined,
  others: readonly FormNeed[] = [],
): Chosen {
  const rungs = memory === undefined ? LADDER.slice(0, 1) : LADDER;
  const least = rungs[rungs.length - 1];
  const most = memory ?? Infinity;
  for (let many = pictures; many >= 1; many--) {
    if (!fits(needOf, least, many, most)) continue;
    const rung = rungs.find((each) => each === least || fits(needOf, each, many, most))!;
    return { ...rung, pictures: many };
  }
  throw tooLittle(needOf(least, 1), most, others);
}

/** A form of matrices, and what a task takes in it. */
export interface FormNeed {
  readonly form: Quantised | undefined;
  readonly needOf: NeedOf;
}

/** The first of `forms`, the most bits first, in which one picture fits. @throws OvertoneError `memory` as `arrange`; `others` as there. */
export function fittingForm(forms: readonly FormNeed[], memory: number, others: readonly FormNeed[]): FormNeed {
  const found = forms.find(({ needOf }) => fits(needOf, LEAST, 1, memory));
  if (found) return found;
  throw tooLittle(forms[forms.length - 1].needOf(LEAST, 1), memory, others);
}

function fits(needOf: NeedOf, arrangement: Arrangement, pictures: number, memory: number): MemoryNeed | undefined {
  try {
    const need = needOf(arrangement, pictures);
    return need.total <= memory ? need : undefined;
  } catch (error) {
    // fewer pictures may fit the buffers of the device; if one does not, `needOf` says so again
    if (error instanceof OvertoneError && error.code === 'memory') return undefined;
    throw error;
  }
}

function tooLittle(need: MemoryNeed, memory: number, others: readonly FormNeed[]): OvertoneError {
  const cures = others.flatMap(({ form, needOf }) => {
    const other = fits(needOf, LEAST, 1, memory);
    return other ? [`weights in ${form} (quantise), which need ${gigabytes(other.total)}`] : [];
  });
  const cure = [...cures, 'a smaller picture', `${gigabytes(need.total)} of memory`].join(', ');
  return new OvertoneError(
    'memory',
    `[memory] ${needText(need)}, ${gigabytes(need.total)} in all, but ${gigabytes(memory)} are allowed: choose ${cure.replace(/, ([^,]*)$/, ' or $1')}`,
  );
}
