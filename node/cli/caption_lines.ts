/** The lines of captions.jsonl: what was said of which picture, and all that it depends on. */
import { readFile } from 'node:fs/promises';
import { FileError } from '../../src/engine/index.ts';
import { reasonOf } from '../files.ts';

export interface Caption {
  /** Name of the picture in its folder. */
  readonly file: string;
  readonly text: string;
  readonly question: string;
  readonly image_size: number;
  readonly max_new_tokens: number;
  readonly model: string;
  readonly model_hash: string;
  /** Of the picture's file. */
  readonly sha256: string;
}

/** Whether two lines are answers to the same question about the same picture by the same model. */
export const isSameQuestion = (a: Caption, b: Omit<Caption, 'text'>): boolean =>
  (['file', 'question', 'image_size', 'max_new_tokens', 'model_hash', 'sha256'] as const).every(
    (key) => a[key] === b[key],
  );

export const captionLine = (caption: Caption): string => `${JSON.stringify(caption)}\n`;

/**
 * The captions that a file holds, by picture; none where there is no file. A last line that was cut off is dropped, and `isTorn` says so.
 * @throws FileError for a file that holds anything else.
 */
export async function readCaptions(path: string): Promise<{ captions: Map<string, Caption>; isTorn: boolean }> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return { captions: new Map(), isTorn: false };
    throw new FileError(`${path}: cannot be read: ${reasonOf(cause)}`, { cause });
  }
  const lines = text.split('\n');
  const isTorn = lines.pop() !== '';
  const captions = new Map<string, Caption>();
  lines.forEach((line, i) => {
    const caption = parseCaption(line);
    if (!caption)
      throw new FileError(
        `${path}: must be a file of captions but line ${i + 1} is none: choose another --output, or remove that line`,
      );
    captions.set(caption.file, caption);
  });
  return { captions, isTorn };
}

function parseCaption(line: string): Caption | undefined {
  try {
    const value = JSON.parse(line) as Partial<Caption> | null;
    return typeof value?.file === 'string' && typeof value.text === 'string' ? (value as Caption) : undefined;
  } catch {
    return undefined;
  }
}
