/** The history: rows of pictures, newest first. What is deleted stays until it can no longer be undone. */
import type { PictureRecord } from '../../../src/harmon/record.ts';

export interface Entry {
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly created: number;
  readonly width: number;
  readonly height: number;
  /** How it was made; none of pictures from elsewhere. */
  readonly record?: PictureRecord;
  /** What to call it where no words made it: a file's name, `Drawing`. */
  readonly name?: string;
  readonly favourite?: boolean;
  /** Questions about it and their answers. */
  readonly talk?: readonly Exchange[];
}

export interface Exchange {
  readonly question: string;
  readonly answer: string;
}

const LONGEST_TITLE = 200;

/** What an entry is called. */
export const titleOf = ({ record, name }: Entry): string =>
  (record?.prompt || name || 'Picture').slice(0, LONGEST_TITLE);

export const sorted = (entries: readonly Entry[]): Entry[] =>
  [...entries].sort((a, b) => b.created - a.created || (a.id < b.id ? 1 : -1));

export const withEntry = (entries: readonly Entry[], entry: Entry): Entry[] =>
  sorted([entry, ...entries.filter(({ id }) => id !== entry.id)]);

export const withoutEntries = (entries: readonly Entry[], ids: ReadonlySet<string>): Entry[] =>
  entries.filter(({ id }) => !ids.has(id));

export interface Filter {
  readonly words: string;
  readonly favourites: boolean;
}

/** Entries that hold every word, in their title, seed, model or talk. */
export function filtered(entries: readonly Entry[], { words, favourites }: Filter): Entry[] {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  return entries.filter((entry) => {
    if (favourites && !entry.favourite) return false;
    if (wanted.length === 0) return true;
    const text = searchText(entry);
    return wanted.every((word) => text.includes(word));
  });
}

function searchText({ record, name, talk = [] }: Entry): string {
  const parts = [record?.prompt, name, record && `seed ${record.seed}`, record?.model.name];
  return [...parts, ...talk.flatMap(({ question, answer }) => [question, answer])].join('\n').toLowerCase();
}

/** The entry so many places on from `id`; the first where there is none. */
export function neighbour(entries: readonly Entry[], id: string | undefined, by: number): Entry | undefined {
  const at = entries.findIndex((entry) => entry.id === id);
  if (at < 0) return entries[0];
  return entries[Math.min(Math.max(at + by, 0), entries.length - 1)];
}

/** In what two pictures differ, as `guidance 3 → 5`. */
export function settingsDiffer(a: Entry, b: Entry): string[] {
  if (!a.record || !b.record) return [];
  const rows = (record: PictureRecord): Record<string, string> => ({
    prompt: `“${record.prompt}”`,
    seed: String(record.seed),
    size: record.imageSize.join('×'),
    iterations: String(record.iterations),
    guidance: String(record.guidance),
    schedule: record.guidanceSchedule,
    'guidance prompt': `“${record.guidancePrompt}”`,
    temperature: String(record.temperature),
    timesteps: String(record.timesteps),
    edited: record.edit ? 'yes' : 'no',
    model: record.model.name,
  });
  const [before, after] = [rows(a.record), rows(b.record)];
  return Object.keys(before)
    .filter((key) => before[key] !== after[key])
    .map((key) => `${key} ${before[key]} → ${after[key]}`);
}
