/** What commands read: a prompt or a picture, from the command line, a file or stdin (`-`). */
import { stat } from 'node:fs/promises';
import { type Readable, addAbortSignal } from 'node:stream';
import { ArgumentError, FileError } from '../../src/engine/index.ts';
import type { Picture } from '../../src/harmon/index.ts';
import { fileSource } from '../files.ts';
import { readPictureText } from '../picture_text.ts';
import { type DecodeOptions, decodePicture } from '../pictures.ts';
import type { PictureRecord } from '../../src/harmon/record.ts';
import { decodeText } from './decode_text.ts';

/** Largest file that is read whole, bytes. */
const MAX_FILE = 1 << 29;

/** The prompt as typed, or stdin as text without its last line break. @throws FileError where that is no text. */
export async function readPrompt(option: string, signal: AbortSignal, stdin?: Readable): Promise<string> {
  const text = option === '-' ? decodeText(await readAll(stdin, signal), 'stdin').replace(/\r?\n$/, '') : option;
  if (text.trim() === '') throw new ArgumentError('--prompt must say something but is empty');
  return text;
}

/** A picture file, or stdin. */
export async function readPicture(
  path: string,
  signal: AbortSignal,
  options: DecodeOptions & { readonly stdin?: Readable } = {},
): Promise<Picture> {
  const { bytes, name } = await readPictureFile(path, signal, options.stdin);
  return decodePicture(bytes, name, options);
}

/** How a picture file, or the one on stdin, was made. @throws FileError where it does not say. */
export async function readRecord(path: string, signal: AbortSignal, stdin?: Readable): Promise<PictureRecord> {
  const { bytes, name } = await readPictureFile(path, signal, stdin);
  const { record, parameters } = readPictureText(bytes, name);
  if (record) return record;
  const cure = parameters === undefined ? '' : `; what another tool wrote in it is shown by overtone info ${name}`;
  throw new FileError(`${name}: must be a PNG or JPEG made by Overtone but has no record of how it was made${cure}`);
}

/** The bytes of a picture file, or of the one on stdin, and its name in errors. */
export async function readPictureFile(
  path: string,
  signal: AbortSignal,
  stdin?: Readable,
): Promise<{ bytes: Uint8Array; name: string }> {
  if (path !== '-' && (await stat(path).catch(() => undefined))?.isFIFO())
    throw new FileError(`${path}: must be a file but is a pipe: give the picture on standard input, with --image -`);
  const bytes = await readBytes(path, signal, stdin);
  if (path === '-' && bytes.length === 0)
    throw new FileError(
      'standard input is empty: give it a picture, as in overtone image2text --image - < picture.png',
    );
  return { bytes, name: path === '-' ? 'stdin' : path };
}

/** All bytes of a file, or of stdin. */
export async function readBytes(path: string, signal: AbortSignal, stdin?: Readable): Promise<Uint8Array> {
  if (path === '-') return readAll(stdin, signal);
  const source = await fileSource(path);
  try {
    if (source.size > MAX_FILE)
      throw new FileError(`${path}: must have at most ${MAX_FILE} bytes but has ${source.size}`);
    return await source.read(0, source.size, signal);
  } finally {
    await source.close();
  }
}

async function readAll(stdin: Readable = process.stdin, signal: AbortSignal): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of addAbortSignal(signal, stdin)) {
    chunks.push(chunk as Uint8Array);
    size += (chunk as Uint8Array).length;
    if (size > MAX_FILE) throw new FileError(`stdin: must give at most ${MAX_FILE} bytes but gives more`);
  }
  return Buffer.concat(chunks);
}
