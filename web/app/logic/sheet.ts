/** A sheet: one picture for each value of one or two settings, in rows and columns with labels. */
import { BOUNDS, type SettledSettings, tokensOf } from './settings.ts';

/** Settings that a sheet can run over, by the names of the command line. */
export const SHEET_AXES = {
  cfg: { label: 'Guidance', key: 'guidance', whole: false },
  'num-iter': { label: 'Iterations', key: 'iterations', whole: true },
  temperature: { label: 'Temperature', key: 'temperature', whole: false },
  seed: { label: 'Seed', key: 'seed', whole: true },
  timesteps: { label: 'Timesteps', key: 'timesteps', whole: true },
} as const;

export type SheetAxisName = keyof typeof SHEET_AXES;

export interface SheetAxis {
  readonly name: SheetAxisName;
  readonly values: readonly number[];
}

export interface SheetPlan {
  readonly columns: SheetAxis;
  readonly rows?: SheetAxis;
}

const MOST_VALUES = 8;

/** Reads `1, 3, 5`. Gives a sentence where it cannot. */
export function valuesOf(name: SheetAxisName, text: string): readonly number[] | string {
  const { key, whole, label } = SHEET_AXES[name];
  const [least, most] = BOUNDS[key];
  const parts = text.split(/[,;\s]+/).filter(Boolean);
  if (parts.length === 0) return `${label} needs at least one value, such as 1, 3, 5.`;
  if (parts.length > MOST_VALUES) return `${label} may have at most ${MOST_VALUES} values but has ${parts.length}.`;
  const values = parts.map(Number);
  const wrong = parts.find((_, i) => {
    const value = values[i];
    return !(value >= least && value <= most) || (whole && !Number.isInteger(value));
  });
  if (wrong !== undefined)
    return `${label} must be ${whole ? 'whole numbers' : 'numbers'} from ${least} to ${most} but has ${wrong.slice(0, 20)}.`;
  return values;
}

/** The settings of each cell, row by row. */
export function cellsOf(settings: SettledSettings, { columns, rows }: SheetPlan): SettledSettings[] {
  const at = (axis: SheetAxis | undefined) =>
    axis ? axis.values.map((value) => ({ [SHEET_AXES[axis.name].key]: value })) : [{}];
  const most = tokensOf(settings.width, settings.height);
  return at(rows).flatMap((row) =>
    at(columns).map((column) => {
      const cell: SettledSettings = { ...settings, ...column, ...row, count: 1 };
      return { ...cell, iterations: Math.min(cell.iterations, most) };
    }),
  );
}

export const labelsOf = (axis: SheetAxis | undefined): string[] =>
  axis ? axis.values.map((value) => `${SHEET_AXES[axis.name].label.toLowerCase()} ${value}`) : [];

/** The axes as the record keeps them, `cfg=1,3,5`, columns first. */
export const sweepOf = ({ columns, rows }: SheetPlan): string[] =>
  [columns, ...(rows ? [rows] : [])].map(({ name, values }) => `${name}=${values.join(',')}`);
