/**
 * Pictures as sixels, the graphics of DEC's terminals that xterm, foot, mlterm and others show: bands of six rows, and in a band one run-length
 * coded row of characters for each colour, whose low six bits say which of the rows have it.
 */
import type { Picture } from '../../src/harmon/index.ts';

/** Levels of each channel. Their percentages, which the terminal is told, are exact. */
const LEVELS = 6;
const STEP = 255 / (LEVELS - 1);
const BAND = 6;

/** The bytes that draw a picture, pixel by pixel, where the cursor stands. */
export function sixels(picture: Picture): string {
  const { width, height } = picture;
  const colours = dithered(picture);
  const used = [...new Set(colours)].sort((a, b) => a - b);
  // 1: what is not drawn stays; then the aspect ratio and the size
  let out = `\x1bP0;1q"1;1;${width};${height}`;
  for (const colour of used)
    out += `#${colour};2;${levelsOf(colour)
      .map((level) => (level * 100) / (LEVELS - 1))
      .join(';')}`;
  for (let top = 0; top < height; top += BAND) {
    const rows = new Map<number, Uint8Array>();
    for (let y = top; y < Math.min(top + BAND, height); y++)
      for (let x = 0; x < width; x++) {
        const colour = colours[y * width + x];
        let row = rows.get(colour);
        if (!row) rows.set(colour, (row = new Uint8Array(width)));
        row[x] |= 1 << (y - top);
      }
    out += [...rows].map(([colour, row]) => `#${colour}${runs(row)}`).join('$');
    out += '-';
  }
  return `${out}\x1b\\`;
}

/** A row of six bits a character: `!12~` for twelve times `~`. */
function runs(row: Uint8Array): string {
  let out = '';
  for (let x = 0, from = 0; x < row.length; from = x) {
    while (x < row.length && row[x] === row[from]) x++;
    const [letter, count] = [String.fromCharCode(63 + row[from]), x - from];
    out += count > 3 ? `!${count}${letter}` : letter.repeat(count);
  }
  return out;
}

const levelsOf = (colour: number): [number, number, number] => [
  Math.floor(colour / LEVELS ** 2),
  Math.floor(colour / LEVELS) % LEVELS,
  colour % LEVELS,
];

/** Each pixel's colour of the 6×6×6, what is lost handed on to its neighbours (Floyd and Steinberg). */
function dithered({ width, height, data }: Picture): Uint8Array {
  const colours = new Uint8Array(width * height);
  const left = Float32Array.from(data);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let c = 0; c < 3; c++) {
        const at = (y * width + x) * 3 + c;
        const level = Math.min(LEVELS - 1, Math.max(0, Math.round(left[at] / STEP)));
        const lost = left[at] - level * STEP;
        colours[y * width + x] += level * LEVELS ** (2 - c);
        if (x + 1 < width) left[at + 3] += (lost * 7) / 16;
        if (y + 1 === height) continue;
        const below = at + 3 * width;
        if (x > 0) left[below - 3] += (lost * 3) / 16;
        left[below] += (lost * 5) / 16;
        if (x + 1 < width) left[below + 3] += lost / 16;
      }
  return colours;
}
