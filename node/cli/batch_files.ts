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

/** Whether the picture is there, whole and made as `record` says, with the entry beside it. */
export async function isEntryDone(folder: string, entry: Entry, record: PictureRecord): Promise<boolean> {
  const path = entryFile(folder, entry.index, 'jpg');
  try {
    const bytes = new Uint8Array(await readFile(path));
    const found = readPictureText(bytes, path).record;
    if (!found || !isSamePicture(found, record)) return false;
    await decodePicture(bytes, path);
    return (await readFile(entryFile(folder, entry.index, 'json'), 'utf8')) === sidecarText(entry);
  } catch {
    return false;
  }
}
