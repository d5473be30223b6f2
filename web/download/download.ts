/**
 * Downloading a converted folder into the store: chunk by chunk, each checked against the manifest, flushed, then journalled. A broken or ended
 * download goes on where it was; what fails says why and leaves the chunks that are whole.
 */
import { FileError, OvertoneError } from '../../src/engine/index.ts';
import { MANIFEST, type Manifest, chunkRange, manifestBytes, parseManifest } from '../../src/harmon/manifest.ts';
import { parseJson } from '../../src/harmon/open.ts';
import { tries } from '../../src/harmon/tries.ts';
import { StorageError } from '../errors.ts';
import { digest } from './chunk.ts';
import { type FillOptions, fill } from './fill.ts';
import { Journal, type Whole, chunkKey, chunksOf, dataName, readJournal } from './journal.ts';
import { type Net, receive } from './range.ts';
import type { Store, StoreFolder } from './store.ts';

/** What a download stands on; tests bring their own. */
export interface DownloadHost extends Net {
  readonly store: Store;
  /** Bytes that the store may still take; undefined when nobody knows. */
  free(): Promise<number | undefined>;
  /** Chunks that are fetched at once. */
  readonly parallel: number;
}

/** Names in a model's folder of the store. */
export const JOURNAL = 'journal';
export const ADDRESS = 'address';

/** A stored model: its manifest, the manifest's SHA-256, and which chunks are whole. */
export interface Stored {
  readonly manifest: Manifest;
  readonly hash: Uint8Array<ArrayBuffer>;
  readonly whole: Whole;
  /** Whether all chunks are, and every file has its length. */
  readonly complete: boolean;
  /** Bytes of the chunks that are whole. */
  readonly bytes: number;
}

/** What the store has of a model; undefined without a manifest that can be read. */
export async function stored(folder: StoreFolder | undefined): Promise<Stored | undefined> {
  const read = async (name: string) => {
    const blob = await folder?.blob(name);
    return blob && new Uint8Array(await blob.arrayBuffer());
  };
  const text = await read(MANIFEST);
  if (!folder || !text?.length) return undefined;
  const manifest = readManifest(text, MANIFEST);
  if (manifest instanceof FileError) return undefined;
  const hash = await digest(text);
  const whole = readJournal((await read(JOURNAL)) ?? new Uint8Array(0), hash);
  const sizes = await Promise.all(
    manifest.files.map(async ({ name }) => (await folder.blob(dataName(name)))?.size ?? 0),
  );
  let [bytes, complete] = [0, true];
  for (const [file, chunk] of chunksOf(manifest)) {
    const { offset, length } = chunkRange(manifest.files[file], manifest.chunkBytes, chunk);
    if (offset + length > sizes[file]) whole.delete(chunkKey(file, chunk)); // the file was lost or cut
    if (whole.has(chunkKey(file, chunk))) bytes += length;
    else complete = false;
  }
  return { manifest, hash, whole, complete, bytes };
}

function readManifest(bytes: Uint8Array<ArrayBuffer>, name: string): Manifest | FileError {
  try {
    return parseManifest(parseJson({ name, text: new TextDecoder().decode(bytes) }), name);
  } catch (error) {
    if (error instanceof FileError) return error;
    throw error;
  }
}

/**
 * Brings the folder at `url`, which ends in a slash, into the store under `key`. The caller holds the model's lock.
 * @throws FileError when the server does not give what the manifest lists, StorageError when there is no room, AbortError.
 */
export async function download(host: DownloadHost, url: string, key: string, options: FillOptions = {}): Promise<void> {
  const { signal } = options;
  const text = await fetchRangeless(host, url + MANIFEST, signal);
  const manifest = readManifest(text, url + MANIFEST);
  if (manifest instanceof FileError)
    throw new FileError(`${manifest.message}; the address must be that of a folder that convert has made`);
  const hash = await digest(text);
  const room = { needed: manifestBytes(manifest) };
  await guarded(room, async () => {
    const before = await stored(await host.store.folder(key));
    const same = before && before.hash.every((byte, i) => byte === hash[i]) ? before : undefined;
    room.needed -= same?.bytes ?? 0;
    await checkRoom(host, room.needed, manifest.model.name);
    const folder = (await host.store.folder(key, true))!;
    if (!same) {
      await put(folder, JOURNAL, new Uint8Array(0));
      await put(folder, ADDRESS, new TextEncoder().encode(url));
      await put(folder, MANIFEST, text);
    }
    const journal = Journal.open(await folder.open(JOURNAL), hash);
    try {
      if (same && same.whole.size < journal.whole.size)
        // chunks of files that were cut
        journal.rewrite(
          hash,
          [...chunksOf(manifest)].filter((at) => same.whole.has(chunkKey(...at))),
        );
      await fill({ net: host, parallel: host.parallel, url, folder, manifest, journal }, options);
    } finally {
      journal.close();
    }
  });
}

async function put(folder: StoreFolder, name: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  const file = await folder.open(name);
  try {
    file.truncate(0);
    file.write(bytes, 0);
    file.flush();
  } finally {
    file.close();
  }
}

async function checkRoom(host: DownloadHost, needed: number, name: string): Promise<void> {
  const told = await host.free();
  if (told === undefined || needed <= told) return;
  const free = Math.max(0, told); // where the browser has taken room back, more is in use than may be
  throw new StorageError(
    `[storage] ${name} needs ${gigabytes(needed)} but the browser gives this page ${gigabytes(free)}: delete another model or free disk space, or choose the model's files from disk, which copies nothing`,
    { needed, free },
  );
}

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(2)} GB`;

/** Turns what the browser's storage throws into a StorageError. Browsers may tell of more room than they give, so it can come to this. */
async function guarded<T>(room: { readonly needed: number }, task: () => Promise<T>): Promise<T> {
  try {
    return await task();
  } catch (cause) {
    if (cause instanceof OvertoneError) throw cause;
    const { name = '', message = String(cause) } = cause as Partial<DOMException>;
    const sentence =
      name === 'QuotaExceededError'
        ? `the browser must have room for ${gigabytes(room.needed)} of the model but is full: delete another model or free disk space, then open it again; what has arrived is kept`
        : `the browser must store the model but does not (${message}): open it again; what has arrived is kept`;
    throw new StorageError(`[storage] ${sentence}`, undefined, { cause });
  }
}

/** A small file, whole. */
async function fetchRangeless(host: DownloadHost, url: string, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  await tries(host, url, signal, async () => {
    parts.length = 0;
    let length = 0;
    await receive(host, url, {}, signal, {
      check: () => undefined,
      take(piece) {
        if ((length += piece.length) > 64 * 1024 * 1024)
          throw new FileError(
            `${url}: must be the list of a model's files but is larger than 64 MB: check the address`,
          );
        parts.push(piece);
      },
    });
    return true;
  });
  return new Uint8Array(await new Blob(parts as Uint8Array<ArrayBuffer>[]).arrayBuffer());
}
