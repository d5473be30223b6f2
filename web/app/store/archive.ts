/** Pictures of the history as a ZIP file, and such a file back into the history. The files are PNG already, so they are stored as they are. */
import { Zip, ZipPassThrough, unzipSync } from 'fflate';
import type { Entry } from '../logic/history.ts';
import { fileName } from '../logic/file_name.ts';
import { readPicture } from './pictures.ts';

const ROWS = 'history.json';
const MAX_ARCHIVE = 1_000_000_000;

/** A ZIP of these pictures; with `rows`, all that is needed to import them again. */
export async function archiveOf(entries: readonly Entry[], rows: boolean): Promise<Blob> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  const failed: Error[] = [];
  const zip = new Zip((error, part) => (error ? failed.push(error) : parts.push(part as Uint8Array<ArrayBuffer>)));
  const add = (name: string, bytes: Uint8Array, modified: number) => {
    const file = new ZipPassThrough(name);
    file.mtime = modified;
    zip.add(file);
    file.push(bytes, true);
  };
  const files = new Map<string, string>();
  for (const entry of entries) {
    const name = `pictures/${fileName(entry)}`;
    files.set(entry.id, name);
    add(name, new Uint8Array(await (await readPicture(entry.id)).arrayBuffer()), entry.created);
  }
  if (rows) {
    const list = entries.map(({ record: _, ...row }) => ({ ...row, file: files.get(row.id) }));
    add(ROWS, new TextEncoder().encode(JSON.stringify({ overtone: 1, entries: list })), Date.now());
  }
  zip.end();
  if (failed[0]) throw failed[0];
  return new Blob(parts, { type: 'application/zip' });
}

export interface ArchivedPicture {
  readonly row: Readonly<Record<string, unknown>>;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** The pictures of an exported ZIP with their rows, which may come from anyone. @throws Error in one sentence. */
export async function readArchive(file: Blob): Promise<ArchivedPicture[]> {
  if (file.size > MAX_ARCHIVE) throw new Error('This archive is larger than 1 GB: export fewer pictures at once.');
  const bytes = new Uint8Array(await file.arrayBuffer());
  const files = inflated(bytes);
  const rows = rowsOf(files[ROWS]);
  const pictures = Object.entries(files).filter(([name]) => name.endsWith('.png'));
  if (pictures.length === 0) throw new Error('This archive holds no pictures: take one that was exported here.');
  return pictures.map(([name, data]) => ({ row: rows.get(name) ?? {}, bytes: data.slice() }));
}

/** In this thread: fflate's own workers are blobs, which the page's policy refuses. */
function inflated(bytes: Uint8Array): Record<string, Uint8Array> {
  let total = 0;
  try {
    return unzipSync(bytes, { filter: ({ originalSize }) => (total += originalSize) <= 2 * MAX_ARCHIVE });
  } catch {
    throw new Error('This file is no ZIP archive that can be read: take one that was exported here.');
  }
}

function rowsOf(json: Uint8Array | undefined): Map<string, Record<string, unknown>> {
  if (!json) return new Map();
  try {
    const { entries } = JSON.parse(new TextDecoder().decode(json)) as { entries?: unknown };
    if (!Array.isArray(entries)) return new Map();
    const rows = entries.filter((row): row is Record<string, unknown> => typeof row === 'object' && row !== null);
    return new Map(rows.map((row) => [String(row['file']), row]));
  } catch {
    return new Map();
  }
}
