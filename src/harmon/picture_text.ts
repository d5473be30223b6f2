/** Records into PNG files, and out of PNG and JPEG files again. */
import type { Picture } from './image.ts';
import { addJpegText, jpegComment } from './jpeg_text.ts';
import { encodePng, pngTexts, readPng } from './png.ts';
import {
  PARAMETERS_KEYWORD,
  type PictureRecord,
  RECORD_KEYWORD,
  parametersText,
  parseRecord,
  recordJson,
} from './record.ts';

/** A PNG file that remembers how its picture was made. */
export function encodeRecordedPng(picture: Picture, record: PictureRecord): Uint8Array {
  return encodePng(picture, { [RECORD_KEYWORD]: recordJson(record), [PARAMETERS_KEYWORD]: parametersText(record) });
}

/** A JPEG file with the same beside its pixels. */
export const recordedJpeg = (jpeg: Uint8Array, record: PictureRecord): Uint8Array =>
  addJpegText(jpeg, recordJson(record), parametersText(record));

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

/** The format that the first bytes of a file stand for, in words. */
export function formatOf(bytes: Uint8Array): string {
  const starts = (text: string, at = 0) => [...text].every((c, i) => bytes[at + i] === c.charCodeAt(0));
  if (bytes.length === 0) return 'empty';
  if (starts('\x89PNG\r\n\x1a\n')) return 'PNG';
  if (starts('\xff\xd8\xff')) return 'JPEG';
  if (starts('RIFF') && starts('WEBP', 8)) return 'WebP';
  if (starts('GIF87a') || starts('GIF89a')) return 'GIF';
  if (starts('II*\0') || starts('MM\0*')) return 'TIFF';
  if (starts('BM')) return 'BMP';
  if (starts('ftyp', 4)) return starts('avi', 8) ? 'AVIF' : 'HEIC or a video';
  return 'something else';
}
