/** Records into picture files and out of them again. */
import type { Picture } from '../src/harmon/index.ts';
import { addJpegText, jpegComment } from './jpeg_text.ts';
import { encodeJpeg, encodePng, formatOf } from './pictures.ts';
import { pngTexts, readPng } from './png.ts';
import {
  PARAMETERS_KEYWORD,
  type PictureRecord,
  RECORD_KEYWORD,
  parametersText,
  parseRecord,
  recordJson,
} from './record.ts';

/** A picture file that remembers how it was made. JPEG needs sharp. */
export async function encodeRecorded(
  picture: Picture,
  record: PictureRecord,
  format: 'PNG' | 'JPEG',
): Promise<Uint8Array> {
  const [json, parameters] = [recordJson(record), parametersText(record)];
  return format === 'PNG'
    ? encodePng(picture, { [RECORD_KEYWORD]: json, [PARAMETERS_KEYWORD]: parameters })
    : addJpegText(await encodeJpeg(picture), json, parameters);
}

/** What the text of a picture file says of its making: our record, or only what another tool wrote. */
export interface PictureText {
  readonly record?: PictureRecord;
  readonly parameters?: string;
}

/** Reads the text of a PNG or JPEG; other formats have none. @throws FileError for a broken file or record. */
export function readPictureText(bytes: Uint8Array, name: string): PictureText {
  const format = formatOf(bytes);
  if (format === 'PNG') {
    const texts = pngTexts(readPng(bytes, name));
    const [json, parameters] = [texts.get(RECORD_KEYWORD), texts.get(PARAMETERS_KEYWORD)];
    return { record: json === undefined ? undefined : parseRecord(json, name), parameters };
  }
  const json = format === 'JPEG' ? jpegComment(bytes, '{"overtone":') : undefined;
  if (json === undefined) return {};
  const record = parseRecord(json, name);
  return { record, parameters: parametersText(record) };
}
