/** The two files of a batch's entry: the picture, which remembers how it was made, and the entry as JSON beside it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Picture } from '../../src/harmon/index.ts';
import { writeFileAtomic } from '../files.ts';
import { encodeRecorded, readPictureText } from '../picture_text.ts';
import { decodePicture } from '../pictures.ts';
import { type PictureRecord, isSamePicture } from '../../src/harmon/record.ts';
import { type Entry, sidecarText } from './batch_list.ts';

/** Path of the picture (`jpg`) or the entry (`json`) at a place of the list. */
export const entryFile = (folder: string, index: number, extension: 'jpg' | 'json'): string =>
  join(folder, `${String(index).padStart(8, '0')}.${extension}`);

/** Writes both, the picture last: where it is whole, its entry is beside it. @throws FileError. */
export async function saveEntry(folder: string, entry: Entry, picture: Picture, record: PictureRecord): Promise<void> {
  const bytes = await encodeRecorded(picture, record, 'JPEG');
  await writeFileAtomic(entryFile(folder, entry.index, 'json'), Buffer.from(sidecarText(entry)));
  await writeFileAtomic(entryFile(folder, entry.index, 'jpg'), bytes);
}

/**
 * What stands at the entry's place: `done` when the picture is whole and made as `record` says, with the entry beside it; `foreign` when it is a file
 * that batch did not write, for it has no record; else `missing`, and what an earlier run left there may be replaced.
 */
export async function entryState(
  folder: string,
  entry: Entry,
  record: PictureRecord,
): Promise<'done' | 'foreign' | 'missing'> {
  const path = entryFile(folder, entry.index, 'jpg');
  const bytes = await readFile(path).catch(() => undefined);
  if (!bytes?.length) return 'missing';
  const found = recordIn(bytes, path);
  if (!found) return 'foreign';
  if (!isSamePicture(found, record)) return 'missing';
  try {
    await decodePicture(bytes, path);
    const beside = await readFile(entryFile(folder, entry.index, 'json'), 'utf8');
    return beside === sidecarText(entry) ? 'done' : 'missing';
  } catch {
    return 'missing';
  }
}

function recordIn(bytes: Uint8Array, path: string): PictureRecord | undefined {
  try {
    return readPictureText(bytes, path).record;
  } catch {
    return undefined;
  }
}
