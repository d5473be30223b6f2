/** Records into picture files of both formats. */
import type { Picture } from '../src/harmon/index.ts';
import { addJpegText } from '../src/harmon/jpeg_text.ts';
import { encodeRecordedPng } from '../src/harmon/picture_text.ts';
import { type PictureRecord, parametersText, recordJson } from '../src/harmon/record.ts';
import { encodeJpeg } from './pictures.ts';

export { type PictureText, readPictureText } from '../src/harmon/picture_text.ts';

/** A picture file that remembers how it was made. JPEG needs sharp. */
export async function encodeRecorded(
  picture: Picture,
  record: PictureRecord,
  format: 'PNG' | 'JPEG',
): Promise<Uint8Array> {
  return format === 'PNG'
    ? encodeRecordedPng(picture, record)
    : addJpegText(await encodeJpeg(picture), recordJson(record), parametersText(record));
}
