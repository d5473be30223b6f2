/** Values of the options that say what an edit makes anew. Each refusal is one sentence that names the option. */
import { ArgumentError } from '../../src/engine/index.ts';
import type { EditOptions } from '../../src/harmon/index.ts';
import { quote } from './values.ts';

/** A rectangle in pixels. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** One more box, `x,y,w,h`. */
export function boxes(text: string, before: readonly Box[] = []): Box[] {
  const numbers = text.split(',').map((part) => (/^\s*-?\d{1,6}\s*$/.test(part) ? Number(part) : NaN));
  const [x, y, width, height] = numbers;
  if (numbers.length !== 4 || numbers.some(Number.isNaN) || width < 1 || height < 1)
    throw new ArgumentError(
      `the box must be x,y,w,h, a corner and a size in whole pixels such as 0,0,64,128, but is ${quote(text)}`,
    );
  return [...before, { x, y, width, height }];
}

/** A share above 0, up to 1. */
export function share(text: string): number {
  const value = /^\d*\.?\d+$/.test(text.trim()) ? Number(text) : NaN;
  if (value > 0 && value <= 1) return value;
  const cure = value >= 2 && value <= 100 ? `: try ${value / 100}` : '';
  throw new ArgumentError(`--variation must be a share above 0 up to 1 but is ${quote(text)}${cure}`);
}

const SIDES = ['left', 'right', 'top', 'bottom'] as const;

type Extension = Required<NonNullable<EditOptions['extend']>>;

/** `left=2,top=1`; sides without a number take that of the next one: `left,right=2`; `all=1`. Given again it keeps the sides that it does not name. */
export function extension(text: string, before?: Extension): Extension {
  const refuse = (): never => {
    throw new ArgumentError(
      `--extend must name ${SIDES.join(', ')} or all with a number of squares from 0 to 256, such as left=2,top=1 or left,right=2, but is ${quote(text)}`,
    );
  };
  const by = { left: 0, right: 0, top: 0, bottom: 0, ...before };
  let waiting: (typeof SIDES)[number][] = [];
  for (const part of text.split(',')) {
    const [name, number, ...rest] = part.trim().split('=');
    const side = SIDES.filter((one) => one === name || name === 'all');
    if (side.length === 0 || rest.length > 0) refuse();
    waiting.push(...side);
    if (number === undefined) continue;
    if (!/^\d{1,3}$/.test(number) || Number(number) > 256) refuse();
    for (const one of waiting) by[one] = Number(number);
    waiting = [];
  }
  if (waiting.length > 0) refuse();
  return by;
}
