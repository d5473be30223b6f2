/** `edit --from`: an edit made again from what its result remembers and from the picture that was edited, which it does not hold. */
import { createHash } from 'node:crypto';
import { ArgumentError } from '../../src/engine/index.ts';
import { editOf } from '../../src/harmon/edit.ts';
import type { EditOptions, HarmonConfig, Mask, Picture } from '../../src/harmon/index.ts';
import type { EditRecord, EditedPicture, PictureRecord } from '../../src/harmon/record.ts';
import { readRecord } from './input.ts';
import { quote } from './values.ts';

export interface RememberedEdit extends PictureRecord {
  readonly edit: EditRecord;
}

/** @throws FileError, ArgumentError for a picture that was made from words. */
export async function readEdit(path: string, signal: AbortSignal): Promise<RememberedEdit> {
  const { edit, ...record } = await readRecord(path, signal);
  if (edit) return { ...record, edit };
  throw new ArgumentError(
    `--from must be a picture made by edit but ${quote(path)} was made from words: overtone text2image --from makes it again`,
  );
}

/** A picture as a record names it. */
export function editedPicture({ width, height, data }: Picture): EditedPicture {
  return { sha256: createHash('sha256').update(data).digest('hex'), width, height };
}

export const isPicture = (picture: Picture, named: EditedPicture): boolean => {
  const { sha256, width, height } = editedPicture(picture);
  return sha256 === named.sha256 && width === named.width && height === named.height;
};

/** The edited picture in words. */
export const nameOfPicture = ({ sha256, width, height }: EditedPicture): string =>
  `${width}×${height} pixels, SHA-256 of their RGB bytes ${sha256.slice(0, 16)}…`;

/** The edit of a record, asked of a picture again. @throws ArgumentError for a picture of another size. */
export function rememberedEdit(
  { mask: rows, variation, extend }: EditRecord,
  picture: Picture,
  config: HarmonConfig,
): EditOptions {
  return { picture, variation, extend, mask: rows && maskOf(rows, picture, extend, config) };
}

/** Squares of the canvas as a mask of the picture's pixels, wherever on the canvas they lie. */
function maskOf(rows: readonly string[], picture: Picture, extend: EditRecord['extend'], config: HarmonConfig): Mask {
  const { width, height } = picture;
  const isExtended = Object.values(extend ?? {}).some((by) => by > 0);
  const { grid, origin, crop } = editOf({ picture, ...(isExtended ? { extend } : { variation: 1 }) }, config);
  if (rows.length !== grid[0] || rows.some((row) => row.length !== grid[1]))
    throw new ArgumentError(
      `--image must be the picture that was edited, of ${rows.length} rows of ${rows[0]?.length ?? 0} squares with what was added, but has ${grid.join(' rows of ')}: name that one`,
    );
  const [top, left] = [origin[0] * 16 + crop.top, origin[1] * 16 + crop.left];
  const data = Uint8Array.from({ length: width * height }, (_, i) => {
    const [x, y] = [left + (i % width), top + Math.floor(i / width)];
    return rows[y >> 4][x >> 4] === '#' ? 255 : 0;
  });
  return { width, height, data };
}
