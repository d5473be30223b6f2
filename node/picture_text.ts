/** Records into picture files of both formats. */
import type { Picture } from '../src/harmon/index.ts';
import { encodeRecordedPng, recordedJpeg } from '../src/harmon/picture_text.ts';
import type { PictureRecord } from '../src/harmon/record.ts';
import { encodeJpeg } from './pictures.ts';

export { type PictureText, readPictureText } from '../src/harmon/picture_text.ts';

/** A picture file that remembers how it was made. JPEG needs sharp. */
export async function encodeRecorded(
  picture: Picture,
  record: PictureRecord,
  format: 'PNG' | 'JPEG',
): Promise<Uint8Array> {
  return format === 'PNG' ? encodeRecordedPng(picture, record) : recordedJpeg(await encodeJpeg(picture), record);
}
