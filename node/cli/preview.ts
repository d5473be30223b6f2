/** Pictures in a terminal: by kitty's graphics protocol or as sixels where it knows them, else two pixels a letter, with half blocks. */
import type { Picture } from '../../src/harmon/index.ts';
import { resize } from '../../src/harmon/image.ts';
import { encodePng } from '../pictures.ts';
import { sixels } from './sixel.ts';

export type PreviewKind = 'kitty' | 'sixel' | 'blocks';

/** What a terminal shows by its name; nothing for one that must stay without colours. Whether it shows sixels, only itself can say. */
export function previewKind(env: Readonly<Record<string, string | undefined>>): PreviewKind | undefined {
  const { TERM = '', TERM_PROGRAM = '' } = env;
  if (env.KITTY_WINDOW_ID || TERM === 'xterm-kitty' || ['ghostty', 'WezTerm'].includes(TERM_PROGRAM)) return 'kitty';
  if (env.NO_COLOR || TERM === '' || TERM === 'dumb') return undefined;
  return 'blocks';
}

/** The bytes that show a picture, at most `columns` letters wide, and a line break. */
export function preview(picture: Picture, kind: PreviewKind, columns: number, isTrueColour = true): string {
  if (kind === 'kitty') return kitty(picture);
  if (kind === 'sixel') return `${sixels(within(picture, MOST_SIXELS, MOST_SIXELS))}\n`;
  return halfBlocks(picture, columns, isTrueColour);
}

const KITTY_CHUNK = 4096;

/** The picture as PNG, in chunks of base64. */
function kitty(picture: Picture): string {
  const data = Buffer.from(encodePng(picture)).toString('base64');
  let out = '';
  for (let at = 0; at < data.length; at += KITTY_CHUNK) {
    const more = at + KITTY_CHUNK < data.length ? 1 : 0;
    out += `\x1b_G${at === 0 ? 'a=T,f=100,' : ''}m=${more};${data.slice(at, at + KITTY_CHUNK)}\x1b\\`;
  }
  return `${out}\n`;
}

const MOST_ROWS = 20;
/** Pixels of a side that terminals show at least. */
const MOST_SIXELS = 800;

/** The picture, made smaller where it must be. */
function within(picture: Picture, width: number, height: number): Picture {
  const scale = Math.min(width / picture.width, height / picture.height);
  if (scale >= 1) return picture;
  const sides = [picture.width, picture.height].map((side) => Math.max(1, Math.round(side * scale)));
  return resize(picture, sides[0], sides[1]);
}

/** Each letter is an upper half block: its colour the upper pixel, its background the lower one. */
function halfBlocks(picture: Picture, columns: number, isTrueColour: boolean): string {
  const scale = Math.min(1, columns / picture.width, (2 * MOST_ROWS) / picture.height);
  const width = Math.max(1, Math.round(picture.width * scale));
  const height = Math.max(2, 2 * Math.round((picture.height * scale) / 2));
  const { data } = resize(picture, width, height);
  const colour = (ground: 38 | 48, x: number, y: number) => {
    const [r, g, b] = data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3);
    return isTrueColour ? `${ground};2;${r};${g};${b}` : `${ground};5;${cube(r, g, b)}`;
  };
  let out = '';
  for (let y = 0; y < height; y += 2) {
    for (let x = 0; x < width; x++) out += `\x1b[${colour(38, x, y)};${colour(48, x, y + 1)}m▀`;
    out += '\x1b[0m\n';
  }
  return out;
}

/** The nearest of the 6×6×6 colours that every colour terminal has. */
function cube(...rgb: [number, number, number]): number {
  const [r, g, b] = rgb.map((value) => Math.round((value / 255) * 5));
  return 16 + 36 * r + 6 * g + b;
}
