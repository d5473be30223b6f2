/** The picture file that a command leaves behind: its name checked before any work, its bytes written whole or not at all. */
import { randomUUID } from 'node:crypto';
import { mkdir, open, rm, stat } from 'node:fs/promises';
import { dirname, extname, join } from 'node:path';
import { ArgumentError } from '../../src/engine/index.ts';
import type { Picture } from '../../src/harmon/index.ts';
import { reasonOf, writeFileAtomic } from '../files.ts';
import { encodeJpeg, encodePng } from '../pictures.ts';
import { quote } from './values.ts';

/** A place that a picture can be written to. */
export interface OutputFile {
  readonly path: string;
  /** Writes the picture; `text` goes into a PNG's text chunks. */
  save(picture: Picture, text: Readonly<Record<string, string>>): Promise<void>;
}

const JPEG = ['.jpg', '.jpeg'];

/** `{seed}` and `{prompt}` in a file name stand for what made the picture. */
export function fillName(template: string, values: { readonly seed: number; readonly prompt: string }): string {
  const words = values.prompt
    .replace(/[^\p{L}\p{N}]+/gu, '-')
    .replace(/^-|-$/g, '')
    .slice(0, 80);
  return template.replaceAll('{seed}', String(values.seed)).replaceAll('{prompt}', () => words || 'picture');
}

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
  await checkFolder(dirname(path), path);
  if (extension !== '.png') await encodeJpeg({ width: 1, height: 1, data: new Uint8Array(3) });
  return {
    path,
    save: async (picture, text) =>
      writeFileAtomic(path, extension === '.png' ? encodePng(picture, text) : await encodeJpeg(picture)),
  };
}

/** Makes the folder and tries it with an empty file: permissions alone do not tell. */
async function checkFolder(folder: string, path: string): Promise<void> {
  const trial = join(folder, `.overtone-${randomUUID().slice(0, 8)}.part`);
  try {
    await makeFolder(folder);
    await (await open(trial, 'wx')).close();
    await rm(trial);
  } catch (cause) {
    const why = codeOf(cause) === 'EEXIST' ? 'a part of its path is a file' : reasonOf(cause);
    throw new ArgumentError(`--output ${quote(path)} cannot be written: ${why}; choose another place`);
  }
}

/** Node's own recursive mkdir never returns where the system makes no folders, as under /proc. */
async function makeFolder(folder: string): Promise<void> {
  const parent = dirname(folder);
  try {
    await mkdir(folder);
  } catch (error) {
    if (codeOf(error) === 'ENOENT' && parent !== folder) {
      await makeFolder(parent);
      await mkdir(folder);
    } else if (!(await stat(folder).catch(() => undefined))?.isDirectory()) throw error;
  }
}

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;
