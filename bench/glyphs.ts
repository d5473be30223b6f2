/**
 * Draws and reads pictures of the embedded model's world: which of its objects stands at a place. The square of the object's size is cut
 * out, brought to the 54 pixels that the glyphs are drawn at, and compared with every glyph; the nearest is the answer.
 */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { decodePicture } from '../node/pictures.ts';
import { type Picture, resize } from '../src/harmon/image.ts';

/** Where an object should stand: its centre and its size, in pixels of a 128-pixel picture. */
export interface Place {
  readonly x: number;
  readonly y: number;
  readonly size: number;
}

/** Name and picture, 54 × 54. */
export type Glyph = readonly [name: string, picture: Picture];

const DRAWN = 54;

/** The glyphs of `glyphs.png`, cut by `glyphs.json`: name → [left, top, width, height] of its cell. */
export async function readGlyphs(folder: URL): Promise<Glyph[]> {
  const sheet = await pictureAt(new URL('glyphs.png', folder));
  const cells = JSON.parse(await readFile(new URL('glyphs.json', folder), 'utf8')) as Record<string, number[]>;
  return Object.entries(cells).map(([name, [left, top, width, height]]) => {
    const place = { x: left + width / 2, y: top + height / 2, size: DRAWN };
    return [name, cut(sheet, place)] as const;
  });
}

/** A picture of 128 pixels, white but for the objects at their places. */
export function drawGlyphs(
  glyphs: readonly Glyph[],
  objects: readonly (Place & { readonly object: string })[],
): Picture {
  const side = 128;
  const data = new Uint8Array(side * side * 3).fill(255);
  for (const { object, x, y, size } of objects) {
    const [, drawn] = glyphs.find(([name]) => name === object)!;
    const glyph = resize(drawn, size, size);
    const [left, top] = [Math.round(x - size / 2), Math.round(y - size / 2)];
    for (let row = 0; row < size; row++)
      data.set(glyph.data.subarray(row * size * 3, (row + 1) * size * 3), ((top + row) * side + left) * 3);
  }
  return { width: side, height: side, data };
}

/** Name of the glyph that is nearest to what stands at the place. */
export function nearestGlyph(glyphs: readonly Glyph[], picture: Picture, place: Place): string {
  const seen = resize(cut(picture, place), DRAWN, DRAWN);
  const distances = glyphs.map(([, glyph]) => distance(seen, glyph));
  return glyphs[distances.indexOf(Math.min(...distances))][0];
}

export const pictureAt = async (url: URL): Promise<Picture> =>
  decodePicture(new Uint8Array(await readFile(url)), fileURLToPath(url));

/** A square of the picture; what lies outside is white. */
function cut({ width, height, data }: Picture, { x, y, size }: Place): Picture {
  const out = new Uint8Array(size * size * 3).fill(255);
  const [left, top] = [Math.round(x - size / 2), Math.round(y - size / 2)];
  const [from, to] = [Math.max(0, -left), Math.min(size, width - left)];
  for (let row = Math.max(0, -top); row < Math.min(size, height - top); row++) {
    const start = (top + row) * width + left;
    out.set(data.subarray((start + from) * 3, (start + to) * 3), (row * size + from) * 3);
  }
  return { width: size, height: size, data: out };
}

function distance(a: Picture, b: Picture): number {
  return a.data.reduce((sum, value, i) => sum + (value - b.data[i]) ** 2, 0);
}
