/** Rows that outlive a reload, in IndexedDB: the history's and the queue's. Where the browser keeps nothing, they live as long as the page. */
import { type DBSchema, type IDBPDatabase, openDB } from 'idb';
import type { Entry } from '../logic/history.ts';
import type { Job } from '../logic/queue.ts';

interface Rows extends DBSchema {
  entries: { key: string; value: Entry };
  jobs: { key: string; value: Job };
}

let opened: Promise<IDBPDatabase<Rows> | undefined> | undefined;

/** The database, or nothing where the browser refuses one (private windows of some browsers). */
export const database = (): Promise<IDBPDatabase<Rows> | undefined> =>
  (opened ??= openDB<Rows>('overtone-page', 1, {
    upgrade(db) {
      db.createObjectStore('entries', { keyPath: 'id' });
      db.createObjectStore('jobs', { keyPath: 'id' });
    },
  }).catch(() => undefined));

export async function allEntries(): Promise<Entry[]> {
  return (await (await database())?.getAll('entries')) ?? [];
}

export async function putEntry(entry: Entry): Promise<void> {
  await (await database())?.put('entries', entry);
}

export async function deleteEntries(ids: Iterable<string>): Promise<void> {
  const transaction = (await database())?.transaction('entries', 'readwrite');
  if (!transaction) return;
  await Promise.all([...Array.from(ids, (id) => transaction.store.delete(id)), transaction.done]);
}

export async function allJobs(): Promise<Job[]> {
  return (await (await database())?.getAll('jobs')) ?? [];
}

/** Writes this tab's jobs in place of what it had; those of other tabs stay. */
export async function putJobs(jobs: readonly Job[], tab: string): Promise<void> {
  const transaction = (await database())?.transaction('jobs', 'readwrite');
  if (!transaction) return;
  const stored = await transaction.store.getAll();
  const kept = new Set(jobs.map(({ id }) => id));
  const gone = stored.filter((job) => job.tab === tab && !kept.has(job.id));
  await Promise.all([
    ...gone.map(({ id }) => transaction.store.delete(id)),
    ...jobs.map((job) => transaction.store.put(job)),
    transaction.done,
  ]);
}
