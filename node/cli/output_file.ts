/** The picture file that a command leaves behind: its name checked before any work, its bytes written whole or not at all. */
import { stat } from 'node:fs/promises';
import { basename, dirname, extname } from 'node:path';
import { AbortError, ArgumentError, FileError } from '../../src/engine/index.ts';
import type { Picture } from '../../src/harmon/index.ts';
import { makeFolder, reasonOf, targetOf, tryBytes, writeFileAtomic } from '../files.ts';
import { encodeRecorded } from '../picture_text.ts';
import { encodeJpeg } from '../pictures.ts';
import type { PictureRecord } from '../../src/harmon/record.ts';
import { quote } from './values.ts';

/** A place that a picture can be written to. */
export interface OutputFile {
  readonly path: string;
  /** Makes sure that the disk takes a picture of these sizes. @throws ArgumentError, AbortError. */
  reserve(width: number, height: number, signal: AbortSignal): Promise<void>;
  /** Writes the picture, which remembers how it was made. */
  save(picture: Picture, record: PictureRecord): Promise<void>;
}

const JPEG = ['.jpg', '.jpeg'];

/** `{seed}` and `{prompt}` in a file name stand for what made the picture. */
export function fillName(template: string, values: { readonly seed: number; readonly prompt: string }): string {
  const words = values.prompt.replace(OUTSIDE_WORDS, '-').replace(/^-/, '');
  return template
    .replaceAll('{seed}', String(values.seed))
    .replaceAll('{prompt}', () => firstBytes(words).replace(/-$/, '') || 'picture');
}

/** All but letters, digits, the marks of many scripts that stand on letters, and those that join letters or tell their direction. */
const OUTSIDE_WORDS = /[^\p{L}\p{N}\p{M}\u200c-\u200f\u061c]+/gu;

/** As many whole characters as fit into 80 bytes: systems count a name's bytes. */
function firstBytes(text: string): string {
  let [kept, size] = ['', 0];
  for (const character of text) {
    size += Buffer.byteLength(character);
    if (size > 80) break;
    kept += character;
  }
  return kept;
}

const LONGEST_NAME = 255;

/**
 * Checks that a picture can be written to `path`: its extension, that it is no folder, that its folder (made where it is missing)
 * takes files, and that a JPEG can be encoded. @throws ArgumentError.
 */
export async function checkOutput(path: string): Promise<OutputFile> {
  const extension = extname(path).toLowerCase();
  const refuse = (must: string): never => {
    throw new ArgumentError(`--output must ${must} but is ${quote(path)}`);
  };
  const existing = await stat(path).catch(() => undefined);
  if (existing?.isDirectory() || /[/\\]$/.test(path)) refuse('name a picture file, such as picture.png, not a folder,');
  if (existing && !existing.isFile()) refuse('be a plain file');
  if (extension !== '.png' && !JPEG.includes(extension)) refuse('end in .png, .jpg or .jpeg');
  const nameBytes = Buffer.byteLength(basename(path));
  if (nameBytes > LONGEST_NAME)
    throw new ArgumentError(
      `--output must have a name of at most ${LONGEST_NAME} bytes but is ${quote(path)}, a name of ${nameBytes} bytes`,
    );
  const writable = async (step: () => Promise<void>) => {
    try {
      await step();
    } catch (cause) {
      if (cause instanceof AbortError) throw cause;
      const why =
        codeOf(cause) === 'EEXIST'
          ? 'a part of its path is a file'
          : reasonOf(cause instanceof FileError ? cause.cause : cause);
      throw new ArgumentError(`--output ${quote(path)} cannot be written: ${why}; choose another place`);
    }
  };
  let folder = dirname(path);
  // An empty file tries the folder: permissions alone do not tell.
  await writable(async () => {
    await makeFolder(folder);
    folder = dirname(await targetOf(path));
    await tryBytes(folder, 0);
  });
  if (extension !== '.png') await encodeJpeg({ width: 1, height: 1, data: new Uint8Array(3) });
  return {
    path,
    reserve: (width, height, signal) => writable(() => tryBytes(folder, width * height * 3 + HEAD_BYTES, signal)),
    save: async (picture, record) =>
      writeFileAtomic(path, await encodeRecorded(picture, record, extension === '.png' ? 'PNG' : 'JPEG')),
  };
}

/** More than a file has beside its pixels. */
const HEAD_BYTES = 1 << 19;

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;
