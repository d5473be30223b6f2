/** The page's icon: a tone and its overtones, bars of 1, 1/2, 1/3 and 1/4 of a string; drawn here, as SVG and as PNG. */
import { encode } from 'fast-png';

const GROUND = [0x1f, 0x1b, 0x2e];
const TONES = [
  [0xf2, 0xa6, 0x5a],
  [0xe8, 0x72, 0x6f],
  [0xb3, 0x6a, 0xb8],
  [0x6c, 0x8c, 0xe0],
];
/** Shares of the side: where the bars begin, how long the first is, how thick they are, how far apart. */
const [LEFT, TOP, LONGEST, THICK, STEP] = [0.2, 0.215, 0.6, 0.09, 0.16];
const CORNER = 0.2;

const bars = TONES.map((colour, i) => ({ colour, x: LEFT, y: TOP + i * STEP, width: LONGEST / (i + 1) }));

/** A PNG file of `side` pixels. A whole one fills its square, as masks of icons ask for; others have round corners. */
export function iconPng(side: number, { whole = false } = {}): Uint8Array {
  const data = new Uint8Array(side * side * 4);
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++) {
      const [u, v] = [(x + 0.5) / side, (y + 0.5) / side];
      const bar = bars.find((b) => u >= b.x && u < b.x + b.width && v >= b.y && v < b.y + THICK);
      const alpha = whole ? 255 : Math.round(255 * inside(u, v, side));
      data.set([...(bar?.colour ?? GROUND), alpha], (y * side + x) * 4);
    }
  return encode({ width: side, height: side, data, channels: 4 });
}

/** How much of a pixel lies in the square with round corners. */
function inside(u: number, v: number, side: number): number {
  const [x, y] = [u, v].map((at) => Math.max(0, Math.abs(at - 0.5) - (0.5 - CORNER)));
  return Math.min(1, Math.max(0, (CORNER - Math.hypot(x, y)) * side + 0.5));
}

const hex = (colour: readonly number[]) => `#${colour.map((c) => c.toString(16).padStart(2, '0')).join('')}`;
const percent = (share: number) => +(share * 100).toFixed(2);

export const iconSvg = (): string =>
  [
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100">',
    `<rect width="100" height="100" rx="${percent(CORNER)}" fill="${hex(GROUND)}"/>`,
    ...bars.map(
      ({ colour, x, y, width }) =>
        `<rect x="${percent(x)}" y="${percent(y)}" width="${percent(width)}" height="${percent(THICK)}" fill="${hex(colour)}"/>`,
    ),
    '</svg>',
  ].join('');
