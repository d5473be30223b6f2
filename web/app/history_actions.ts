/** What can be done with the pictures of the history: keep, choose, favour, delete with a way back, bring in from files. */
import type { Picture } from '../../src/harmon/index.ts';
import { encodePng } from '../../src/harmon/png.ts';
import { encodeRecordedPng, readPictureText } from '../../src/harmon/picture_text.ts';
import type { PictureRecord } from '../../src/harmon/record.ts';
import { type Entry, neighbour, sorted, withEntry, withoutEntries } from './logic/history.ts';
import { sentence } from './logic/problem.ts';
import { chosen, entries, notice, pinned, selected, shown, watching } from './state.ts';
import { allEntries, database, deleteEntries, putEntry } from './store/database.ts';
import { deletePicture, sweepPictures, writePicture } from './store/pictures.ts';
import { decodeBlob } from './store/pixels.ts';

const channel = typeof BroadcastChannel === 'undefined' ? undefined : new BroadcastChannel('overtone-history');
const changed = () => channel?.postMessage('changed');

/** Reads the history of earlier visits, and follows what other tabs add to it. */
export async function startHistory(): Promise<void> {
  const read = async () => {
    const hidden = new Set([...deleting.values()].flat().map(({ id }) => id));
    entries.value = withoutEntries(sorted(await allEntries()), hidden);
  };
  if (channel) channel.onmessage = () => void read();
  await read();
  selected.value ??= entries.value[0]?.id;
  if (await database()) sweepPictures(new Set((await allEntries()).map(({ id }) => id))).catch(() => undefined);
}

async function keep(entry: Entry): Promise<void> {
  entries.value = withEntry(entries.value, entry);
  await putEntry(entry);
  changed();
}

/** A picture that was made, into the history. Gives its id. */
export async function rememberMade(picture: Picture, record: PictureRecord): Promise<string> {
  void navigator.storage?.persist?.().catch(() => false); // so that the browser does not clear it for room
  return remember(picture, encodeRecordedPng(picture, record), { record });
}

async function remember(
  { width, height }: Picture,
  file: Uint8Array,
  more: Pick<Entry, 'record' | 'name' | 'favourite' | 'talk'> & { readonly created?: number },
): Promise<string> {
  const id = crypto.randomUUID();
  await writePicture(id, new Uint8Array(file));
  await keep({ id, created: Date.now(), width, height, ...more });
  return id;
}

/** A drawing, into the history. */
export const rememberDrawn = (picture: Picture): Promise<string> =>
  remember(picture, encodePng(picture), { name: 'Drawing' });

/** A file that was dropped, pasted or chosen, into the history, with its record where it has one. @throws Error in one sentence. */
export async function bringIn(
  file: Blob,
  name: string,
  more: Pick<Entry, 'favourite' | 'talk'> & { created?: number } = {},
) {
  const picture = await decodeBlob(file, name.slice(0, 120));
  let record: PictureRecord | undefined;
  try {
    ({ record } = readPictureText(new Uint8Array(await file.arrayBuffer()), name.slice(0, 120)));
  } catch (error) {
    notice.value = { text: sentence((error as Error).message).slice(0, 300) };
  }
  const bytes = record ? encodeRecordedPng(picture, record) : encodePng(picture);
  const id = await remember(picture, bytes, { record, name: name.slice(0, 120), ...more });
  return { id, record };
}

export function select(id: string | undefined): void {
  selected.value = id;
  watching.value = false;
}

/** Walks along the strip. */
export function walk(by: number): void {
  const to = neighbour(shown.value, selected.value, by);
  if (to) select(to.id);
}

export function change(id: string, changes: Partial<Entry>): void {
  const entry = entries.value.find((each) => each.id === id);
  if (entry) void keep({ ...entry, ...changes });
}

export function toggleFavourite(id: string | undefined): void {
  const entry = entries.value.find((each) => each.id === id);
  if (entry) change(entry.id, { favourite: !entry.favourite });
}

/** Pins a picture to be compared, or unpins it; the older of two gives way to a third. */
export function togglePin(id: string | undefined): void {
  if (id === undefined) return;
  const without = pinned.value.filter((each) => each !== id);
  pinned.value = without.length < pinned.value.length ? without : [...without, id].slice(-2);
}

export function toggleChosen(id: string): void {
  const next = new Set(chosen.value);
  if (!next.delete(id)) next.add(id);
  chosen.value = next;
}

/** Deleted pictures whose files are still there, by the timer that removes them. */
const deleting = new Map<ReturnType<typeof setTimeout>, readonly Entry[]>();
const UNDO_TIME = 12_000;

/** Deletes pictures; for a while they can come back. */
export async function remove(ids: readonly string[]): Promise<void> {
  const gone = entries.value.filter(({ id }) => ids.includes(id));
  if (gone.length === 0) return;
  const set = new Set(ids);
  const at = shown.value.findIndex(({ id }) => id === selected.value);
  entries.value = withoutEntries(entries.value, set);
  pinned.value = pinned.value.filter((id) => !set.has(id));
  chosen.value = new Set([...chosen.value].filter((id) => !set.has(id)));
  if (selected.value !== undefined && set.has(selected.value))
    selected.value = shown.value[Math.min(Math.max(at, 0), shown.value.length - 1)]?.id;
  const timer = setTimeout(() => {
    deleting.delete(timer);
    for (const { id } of gone) void deletePicture(id);
    if (notice.value === offer) notice.value = undefined;
  }, UNDO_TIME);
  deleting.set(timer, gone);
  const offer = {
    text: gone.length === 1 ? 'Picture deleted' : `${gone.length} pictures deleted`,
    undo: async () => {
      clearTimeout(timer);
      deleting.delete(timer);
      for (const entry of gone) await keep(entry);
      selected.value = gone[0].id;
    },
  };
  notice.value = offer;
  await deleteEntries(ids);
  changed();
}
