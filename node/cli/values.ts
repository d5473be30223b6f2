/** Option values: text of the command line to numbers and sizes. Each refusal is one sentence that names the option. */
import { ArgumentError } from '../../src/engine/index.ts';

/** Width and height in pixels. */
export type Size = readonly [width: number, height: number];

const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const toNumber = (text: string): number => (DECIMAL.test(text.trim()) ? Number(text) : NaN);

/** A parser of whole numbers from `least` to `most`. */
export const whole =
  (option: string, least: number, most: number) =>
  (text: string): number => {
    const value = toNumber(text);
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    const range = most === Number.MAX_SAFE_INTEGER ? `${least} to 2^53 - 1` : `${least} to ${most}`;
    throw new ArgumentError(`${option} must be a whole number from ${range} but is ${quote(text)}`);
  };

/** A parser of texts that refuses a second one, which would silently replace the first. */
export const once =
  (option: string, cure = '') =>
  (text: string, before?: string): string => {
    if (before === undefined) return text;
    throw new ArgumentError(
      `${option} must be given once but is given as ${quote(before)} and as ${quote(text)}${cure && `: ${cure}`}`,
    );
  };

/** A parser of seeds: a number, or the word for another one each time. */
export const seedOrNew =
  (name: string) =>
  (text: string): number | 'new' =>
    text === 'new' ? text : whole(name, 0, Number.MAX_SAFE_INTEGER)(text);

/** A parser of finite numbers from `least` up. */
export const number =
  (option: string, least = -Infinity) =>
  (text: string): number => {
    const value = toNumber(text);
    if (Number.isFinite(value) && value >= least) return value;
    throw new ArgumentError(
      `${option} must be a number${least === -Infinity ? '' : ` from ${least} up`} but is ${quote(text)}`,
    );
  };

const UNITS: Readonly<Record<string, number>> = { MB: 1e6, GB: 1e9, MIB: 2 ** 20, GIB: 2 ** 30 };

/** A parser of bytes with their unit. */
export const bytes =
  (option: string) =>
  (text: string): number => {
    const [, digits, unit] = /^([\d.]+) *([MG]i?B)$/i.exec(text.trim()) ?? [];
    const value = toNumber(digits ?? '') * UNITS[(unit ?? '').toUpperCase()];
    if (value > 0) return value;
    throw new ArgumentError(`${option} must be a size such as 4GB or 900MB but is ${quote(text)}`);
  };

const STRIDE = 16;
const MOST = 4096;

/** Pixels of one side. */
export function side(option: string): (text: string) => number {
  return (text) => {
    const value = toNumber(text);
    if (isSide(value)) return value;
    throw new ArgumentError(
      `${option} must be a multiple of ${STRIDE} from ${STRIDE} to ${MOST} pixels but is ${quote(text)}${nearest(value)}`,
    );
  };
}

/** Pixels of a picture: one side of a square, or WIDTHxHEIGHT. */
export function size(option: string): (text: string) => Size {
  return (text) => {
    const sides = text.split(/[x×]/i).map(toNumber);
    if (sides.length === 1 && isSide(sides[0])) return [sides[0], sides[0]];
    if (sides.length === 2 && sides.every(isSide)) return [sides[0], sides[1]];
    throw new ArgumentError(
      `${option} must be a side or WIDTHxHEIGHT in multiples of ${STRIDE} from ${STRIDE} to ${MOST} pixels but is ${quote(text)}${sides.length === 1 ? nearest(sides[0]) : ''}`,
    );
  };
}

const isSide = (value: number): boolean =>
  Number.isInteger(value) && value % STRIDE === 0 && value >= STRIDE && value <= MOST;

/** The cure: the size nearest to what was asked. */
function nearest(value: number): string {
  if (!Number.isFinite(value)) return '';
  return `: try ${Math.min(MOST, Math.max(STRIDE, Math.round(value / STRIDE) * STRIDE))}`;
}

/** What was typed, shortened. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}
