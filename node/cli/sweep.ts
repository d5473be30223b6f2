/** `--sweep cfg=1,3,5`: one setting at several values. One axis makes a row of pictures, a second one the rows below. */
import { ArgumentError } from '../../src/engine/index.ts';
import type { GuidanceSchedule } from '../../src/harmon/index.ts';
import type { MakingOptions } from './making.ts';
import { number, quote, whole } from './values.ts';

/** What one place of a sheet has that the others may not have. */
export type SweepPoint = Pick<MakingOptions, 'cfg' | 'cfgSchedule' | 'numIter' | 'temperature' | 'timesteps'> & {
  readonly seed?: number;
};

export interface SweepAxis {
  /** The axis as it was typed. */
  readonly text: string;
  readonly points: readonly { readonly label: string; readonly point: SweepPoint }[];
}

const AXES: Readonly<Record<string, (value: string) => SweepPoint>> = {
  cfg: (value) => ({ cfg: number('--sweep cfg')(value) }),
  'cfg-schedule': (value) => ({ cfgSchedule: scheduleOf(value) }),
  'num-iter': (value) => ({ numIter: whole('--sweep num-iter', 1, 65536)(value) }),
  seed: (value) => ({ seed: whole('--sweep seed', 0, Number.MAX_SAFE_INTEGER)(value) }),
  temperature: (value) => ({ temperature: number('--sweep temperature', 0)(value) }),
  timesteps: (value) => ({ timesteps: whole('--sweep timesteps', 2, 1000)(value) }),
};

const MOST_POINTS = 64;

/** Reads one axis. @throws ArgumentError. */
export function sweepAxis(text: string): SweepAxis {
  const at = text.indexOf('=');
  const name = text.slice(0, Math.max(0, at)).trim();
  if (!Object.hasOwn(AXES, name))
    throw new ArgumentError(
      `--sweep must be name=value,value,… with a name of ${Object.keys(AXES).join(', ')} but is ${quote(text)}`,
    );
  const values = text.slice(at + 1).split(',');
  if (values.length > MOST_POINTS)
    throw new ArgumentError(`--sweep must have at most ${MOST_POINTS} values but ${name} has ${values.length}`);
  const points = values.map((value) => ({ label: `${name} ${value.trim()}`, point: AXES[name](value) }));
  return { text, points };
}

/** The axes of a sheet, columns first. @throws ArgumentError for more than two, or the same one twice. */
export function sweepAxes(texts: readonly string[]): SweepAxis[] {
  const axes = texts.map(sweepAxis);
  const names = new Set(texts.map((text) => text.slice(0, text.indexOf('=')).trim()));
  if (names.size < axes.length)
    throw new ArgumentError(`--sweep must name each setting once but is ${quote(texts.join(' '))}`);
  if (axes.length > 2)
    throw new ArgumentError(`--sweep must be given at most twice, for two settings, but is ${quote(texts.join(' '))}`);
  return axes;
}

function scheduleOf(value: string): GuidanceSchedule {
  const name = value.trim();
  if (name === 'constant' || name === 'linear') return name;
  throw new ArgumentError(`--sweep cfg-schedule must have the values constant and linear but has ${quote(value)}`);
}
