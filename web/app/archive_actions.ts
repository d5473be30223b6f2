/** Pictures of the history out of the page as files, and back in. */
import { recordedJpeg } from '../../src/harmon/picture_text.ts';
import { bringIn } from './history_actions.ts';
import { fileName } from './logic/file_name.ts';
import type { Entry } from './logic/history.ts';
import { problemOf } from './logic/problem.ts';
import { chosen, entries, notice } from './state.ts';
import { archiveOf, readArchive } from './store/archive.ts';
import { readPicture } from './store/pictures.ts';
import { decodeBlob, encodeJpeg } from './store/pixels.ts';

/** Hands a file to the browser's downloads. */
export function download(blob: Blob, name: string): void {
  const address = URL.createObjectURL(blob);
  const link = Object.assign(document.createElement('a'), { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

/** Runs what a person asked for; what fails is said. */
export async function attempt(task: () => Promise<void>): Promise<void> {
  try {
    await task();
  } catch (error) {
    const problem = problemOf(error);
    notice.value = { text: problem.title, problem };
  }
}

export const savePicture = (entry: Entry): Promise<void> =>
  attempt(async () => download(await readPicture(entry.id), fileName(entry)));

/** Saves a picture as JPEG, which remembers how it was made as the PNG does. */
export const saveJpeg = (entry: Entry): Promise<void> =>
  attempt(async () => {
    const jpeg = await encodeJpeg(await decodeBlob(await readPicture(entry.id), 'The picture'));
    const bytes = new Uint8Array(entry.record ? recordedJpeg(jpeg, entry.record) : jpeg);
    download(new Blob([bytes], { type: 'image/jpeg' }), fileName(entry, 'jpg'));
  });

export const exportChosen = (): Promise<void> =>
  attempt(async () => {
    const list = entries.value.filter(({ id }) => chosen.value.has(id));
    download(await archiveOf(list, false), 'pictures.zip');
    chosen.value = new Set();
  });

export const exportAll = (): Promise<void> =>
  attempt(async () => download(await archiveOf(entries.value, true), 'overtone-history.zip'));

export const importArchive = (file: File): Promise<void> =>
  attempt(async () => {
    const pictures = await readArchive(file);
    let broken = 0;
    for (const { row, bytes } of pictures) {
      const { name, favourite, created, talk } = row;
      const more = {
        favourite: favourite === true,
        ...(Number.isSafeInteger(created) && (created as number) > 0 && { created: created as number }),
        ...(Array.isArray(talk) && { talk: talk.flatMap(exchangeOf).slice(0, 100) }),
      };
      await bringIn(new Blob([bytes], { type: 'image/png' }), typeof name === 'string' ? name : 'Picture', more).catch(
        () => broken++,
      );
    }
    const came = pictures.length - broken;
    notice.value = {
      text: `${came} ${came === 1 ? 'picture' : 'pictures'} imported${broken > 0 ? `, ${broken} could not be read` : ''}`,
    };
  });

function exchangeOf(item: unknown): { question: string; answer: string }[] {
  const { question, answer } = (item ?? {}) as Record<string, unknown>;
  const isText = (value: unknown): value is string => typeof value === 'string' && value.length <= 10_000;
  return isText(question) && isText(answer) ? [{ question, answer }] : [];
}
