/**
 * Text in JPEG files: the record in comment segments, as many as its length needs, and the `parameters` text as an EXIF user comment,
 * where other tools look for it. Both hold any Unicode.
 */
import { concat, fromLatin1, latin1 } from './bytes.ts';

/** Bytes a segment takes beside its own length field. */
const MOST = 65533;
const [APP0, APP1, COM, SOS] = [0xe0, 0xe1, 0xfe, 0xda];

/** The same JPEG with these texts after its header; a user comment beyond 64 kB is left out. */
export function addJpegText(jpeg: Uint8Array, comment: string, userComment: string): Uint8Array {
  let at = 2;
  while (jpeg[at + 1] === APP0) at += 2 + ((jpeg[at + 2] << 8) | jpeg[at + 3]);
  const exif = exifOf(userComment);
  const bytes = new TextEncoder().encode(comment);
  const parts: Uint8Array[] = exif.length <= MOST ? [segment(APP1, exif)] : [];
  for (let from = 0; from < bytes.length; from += MOST) parts.push(segment(COM, bytes.subarray(from, from + MOST)));
  return concat([jpeg.subarray(0, at), ...parts, jpeg.subarray(at)]);
}

/** Most bytes of a comment that is read. */
const MAX_COMMENT = 1 << 22;

/** The text of the comment that begins with `start`, joined with the segments it goes on in; undefined where there is none, or one too long. */
export function jpegComment(jpeg: Uint8Array, start: string): string | undefined {
  const comments = commentSegments(jpeg);
  const first = comments.findIndex((bytes) => latin1(bytes.subarray(0, start.length)) === start);
  if (first < 0) return undefined;
  const last = comments.findIndex((bytes, i) => i >= first && bytes.length < MOST);
  const parts = comments.slice(first, last < 0 ? undefined : last + 1);
  return parts.length * MOST > MAX_COMMENT
    ? undefined
    : new TextDecoder('utf-8', { ignoreBOM: true }).decode(concat(parts));
}

/** The comment segments before the pixels, in order. A broken file gives those before the break. */
function commentSegments(jpeg: Uint8Array): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (let at = 2; at + 4 <= jpeg.length && jpeg[at] === 0xff && jpeg[at + 1] !== SOS;) {
    const length = (jpeg[at + 2] << 8) | jpeg[at + 3];
    if (length < 2 || at + 2 + length > jpeg.length) break;
    if (jpeg[at + 1] === COM) found.push(jpeg.subarray(at + 4, at + 2 + length));
    at += 2 + length;
  }
  return found;
}

function segment(marker: number, data: Uint8Array): Uint8Array {
  const length = data.length + 2;
  return concat([Uint8Array.of(0xff, marker, length >> 8, length & 255), data]);
}

/** EXIF with nothing but a user comment: a directory that points to the EXIF directory, and that one's only entry. */
function exifOf(text: string): Uint8Array {
  const value = new Uint8Array(8 + 2 * text.length);
  value.set(fromLatin1('UNICODE\0'));
  const letters = new DataView(value.buffer, 8);
  for (let i = 0; i < text.length; i++) letters.setUint16(2 * i, text.charCodeAt(i));
  const directory = (tag: number, type: number, count: number, data: number) => {
    const entry = new DataView(new ArrayBuffer(18));
    entry.setUint16(0, 1);
    entry.setUint16(2, tag);
    entry.setUint16(4, type);
    entry.setUint32(6, count);
    entry.setUint32(10, data);
    return new Uint8Array(entry.buffer);
  };
  const [LONG, UNDEFINED] = [4, 7];
  return concat([
    fromLatin1('Exif\0\0MM\0*\0\0\0\x08'),
    directory(0x8769, LONG, 1, 26),
    directory(0x9286, UNDEFINED, value.length, 44),
    value,
  ]);
}
