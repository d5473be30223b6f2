/** A sheet of pictures with a label over each column and beside each row. sharp draws the letters, with the fonts of the system. */
import { ArgumentError, FileError } from '../../src/engine/index.ts';
import type { Picture } from '../../src/harmon/index.ts';
import { MAX_PIXELS, loadSharp } from '../pictures.ts';

const GAP = 8;
const FONT = 15;
/** Width of a letter of the fixed font, in pixels. */
const LETTER = 0.61 * FONT;

export interface Labels {
  readonly columns: readonly string[];
  /** Empty for a sheet of one row. */
  readonly rows: readonly string[];
}

/** Pixels of a sheet of pictures of this size. @throws ArgumentError for one larger than a picture file may be. */
export function sheetSize(labels: Labels, width: number, height: number): readonly [width: number, height: number] {
  const { left, top, across, down } = layoutOf(labels, width, height);
  const size = [left + labels.columns.length * across, top + Math.max(1, labels.rows.length) * down] as const;
  if (size[0] * size[1] > MAX_PIXELS)
    throw new ArgumentError(
      `--sweep must make a sheet of at most ${MAX_PIXELS / 1e6} megapixels but makes ${size[0]}×${size[1]}: take fewer values or smaller pictures`,
    );
  return size;
}

/** A white sheet with its labels, for pictures of this size. @throws FileError without sharp or without a font. */
export async function drawLabels(labels: Labels, width: number, height: number): Promise<Picture> {
  const sharp = await loadSharp('labelled');
  const { left, top, across, down } = layoutOf(labels, width, height);
  const [sheetWidth, sheetHeight] = sheetSize(labels, width, height);
  const text = (label: string, x: number, y: number, anchor: string) =>
    `<text x="${x}" y="${y}" text-anchor="${anchor}" dominant-baseline="central">${escape(label)}</text>`;
  const letters = [
    ...labels.columns.map((label, i) => text(label, left + i * across + width / 2, top / 2, 'middle')),
    ...labels.rows.map((label, i) => text(label, left - GAP, top + i * down + height / 2, 'end')),
  ];
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${sheetWidth}" height="${sheetHeight}" font-family="DejaVu Sans Mono, monospace" font-size="${FONT}">${letters.join('')}</svg>`;
  const data = await sharp({ create: { width: sheetWidth, height: sheetHeight, channels: 3, background: '#fff' } })
    .composite([{ input: Buffer.from(svg), left: 0, top: 0 }])
    .removeAlpha()
    .raw()
    .toBuffer();
  if (data.every((byte) => byte === 255))
    throw new FileError('a labelled sheet needs a font but this system has none: install one, such as fonts-dejavu');
  return { width: sheetWidth, height: sheetHeight, data: new Uint8Array(data) };
}

/** The sheet with its pictures, row by row, all of one size. */
export async function labelledSheet(labels: Labels, pictures: readonly Picture[]): Promise<Picture> {
  const [{ width, height }] = pictures;
  const { left, top, across, down } = layoutOf(labels, width, height);
  const sheet = await drawLabels(labels, width, height);
  pictures.forEach((picture, i) => {
    const x = left + (i % labels.columns.length) * across;
    const y = top + Math.floor(i / labels.columns.length) * down;
    for (let row = 0; row < height; row++)
      sheet.data.set(picture.data.subarray(row * width * 3, (row + 1) * width * 3), ((y + row) * sheet.width + x) * 3);
  });
  return sheet;
}

/** Pixels left of and above the pictures, and from one picture to the next; a column is as wide as its label. */
function layoutOf({ columns, rows }: Labels, width: number, height: number) {
  const widthOf = (labels: readonly string[]) =>
    Math.ceil(labels.reduce((most, { length }) => Math.max(most, length), 0) * LETTER);
  return {
    left: GAP + (rows.length ? widthOf(rows) + GAP : 0),
    top: FONT + 2 * GAP,
    across: Math.max(width, widthOf(columns)) + GAP,
    down: Math.max(height, FONT) + GAP,
  };
}

const escape = (text: string): string =>
  text.replace(/[&<>]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[c]!);
