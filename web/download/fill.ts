/**
 * Filling the store with the chunks that are missing, some at once. Each is checked against its SHA-256, written, flushed and journalled, in this
 * order. A file whose server knows no ranges comes from its start in one stream, cut into its chunks.
 */
import { AbortError, FileError, throwIfAborted } from '../../src/engine/index.ts';
import { type Manifest, type ManifestFile, chunkRange, manifestBytes } from '../../src/harmon/manifest.ts';
import { Unlucky, tries } from '../../src/harmon/tries.ts';
import { sha256 } from './chunk.ts';
import { type Journal, chunkKey, chunksOf, dataName } from './journal.ts';
import { type Net, WholeOnly, fetchRange, receive } from './range.ts';
import type { StoreFolder, StoredFile } from './store.ts';

export interface FillOptions {
  readonly signal?: AbortSignal;
  /** Bytes that are whole or on their way. */
  readonly onProgress?: (done: number, total: number) => void;
}

export interface Fill {
  readonly net: Net;
  /** Chunks that are fetched at once. */
  readonly parallel: number;
  /** Of the folder; it ends in a slash. */
  readonly url: string;
  readonly folder: StoreFolder;
  readonly manifest: Manifest;
  readonly journal: Journal;
}

/** What one file's chunks need. */
interface Filling {
  readonly net: Net;
  readonly signal: AbortSignal;
  readonly url: string;
  readonly entry: ManifestFile;
  readonly chunkBytes: number;
  isWhole(chunk: number): boolean;
  keep(chunk: number, bytes: Uint8Array<ArrayBuffer>): void;
  tell(bytes: number): void;
}

/** Fetches every chunk that is not whole; the first failure ends the others. @throws FileError, AbortError, what the store throws. */
export async function fill(job: Fill, { signal, onProgress }: FillOptions): Promise<void> {
  const { manifest, journal } = job;
  const stop = new AbortController();
  const abort = () => stop.abort(signal?.reason);
  if (signal?.aborted) abort();
  signal?.addEventListener('abort', abort, { once: true });
  const handles: StoredFile[] = [];
  const missing = [...chunksOf(manifest)].filter((at) => !journal.whole.has(chunkKey(...at)));
  const tell = teller(manifest, missing, onProgress);
  try {
    const fillings: Filling[] = [];
    for (const [file, entry] of manifest.files.entries()) {
      const handle = await job.folder.open(dataName(entry.name));
      handles.push(handle);
      if (handle.size !== entry.bytes) handle.truncate(entry.bytes);
      fillings.push({
        net: job.net,
        signal: stop.signal,
        url: job.url + encodeURIComponent(entry.name),
        entry,
        chunkBytes: manifest.chunkBytes,
        isWhole: (chunk) => journal.whole.has(chunkKey(file, chunk)),
        keep(chunk, bytes) {
          handle.write(bytes, chunk * manifest.chunkBytes);
          handle.flush();
          journal.add(file, chunk);
        },
        tell,
      });
    }
    const streamed = new Set<number>();
    const work = async (): Promise<void> => {
      for (let at = missing.shift(); at; at = missing.shift()) {
        const [file, chunk] = at;
        if (streamed.has(file)) continue; // the stream brings all of them
        try {
          await fillChunk(fillings[file], chunk);
        } catch (error) {
          if (!(error instanceof WholeOnly)) throw error;
          if (streamed.has(file)) continue;
          streamed.add(file);
          await fillFromStream(fillings[file]);
        }
      }
    };
    const works = Array.from({ length: job.parallel }, () =>
      work().catch((error: unknown) => {
        stop.abort();
        throw error;
      }),
    );
    const failed = (await Promise.allSettled(works)).flatMap((run) => (run.status === 'rejected' ? [run.reason] : []));
    throwIfAborted(signal, 'download');
    if (failed.length > 0) throw failed.find((error) => !(error instanceof AbortError)) ?? failed[0];
  } finally {
    signal?.removeEventListener('abort', abort);
    for (const handle of handles) handle.close();
  }
}

/** Reports bytes that arrive; what must be fetched again takes nothing back. */
function teller(
  manifest: Manifest,
  missing: readonly (readonly [file: number, chunk: number])[],
  onProgress: FillOptions['onProgress'],
): (bytes: number) => void {
  const total = manifestBytes(manifest);
  let arrived = total;
  for (const [file, chunk] of missing) arrived -= chunkRange(manifest.files[file], manifest.chunkBytes, chunk).length;
  let told = 0;
  const tell = (bytes: number) => {
    arrived += bytes;
    onProgress?.((told = Math.min(total, Math.max(told, arrived))), total);
  };
  tell(0);
  return tell;
}

/** Fetches one chunk; one with another hash is fetched twice more. */
async function fillChunk({ net, signal, url, entry, chunkBytes, keep, tell }: Filling, chunk: number): Promise<void> {
  const range = { url, ...chunkRange(entry, chunkBytes, chunk), size: entry.bytes };
  for (let attempt = 1; ; attempt++) {
    throwIfAborted(signal, 'download');
    const bytes = await fetchRange(net, range, signal, tell);
    if ((await sha256(bytes)) === entry.chunks[chunk]) return keep(chunk, bytes);
    tell(-bytes.length);
    if (attempt === 3) throw new FileError(`${url}: ${OTHER_BYTES}, three times: it was damaged or changed there`);
    await net.sleep(500, signal);
  }
}

const OTHER_BYTES = "must have the bytes that the model's list gives a hash of but has others";

/** Fetches a file from its start; chunks that are whole already are passed over. */
async function fillFromStream({ net, signal, url, entry, chunkBytes, isWhole, keep, tell }: Filling): Promise<void> {
  await tries(net, url, signal, async () => {
    let fresh = 0;
    let chunk = 0;
    let buffer = new Uint8Array(chunkRange(entry, chunkBytes, 0).length);
    let have = 0;
    const take = async (piece: Uint8Array): Promise<void> => {
      for (let at = 0; at < piece.length;) {
        if (chunk === entry.chunks.length) throw new Unlucky(`it must have ${entry.bytes} bytes but has more`);
        const part = piece.subarray(at, at + buffer.length - have);
        buffer.set(part, have);
        have += part.length;
        at += part.length;
        if (have < buffer.length) continue;
        if (!isWhole(chunk)) {
          if ((await sha256(buffer)) !== entry.chunks[chunk]) throw new Unlucky(`it ${OTHER_BYTES}`);
          keep(chunk, buffer);
          tell(buffer.length);
          fresh++;
        }
        if (++chunk === entry.chunks.length) continue;
        buffer = new Uint8Array(chunkRange(entry, chunkBytes, chunk).length);
        have = 0;
      }
    };
    try {
      await receive(net, url, {}, signal, { check: () => undefined, take });
      if (chunk < entry.chunks.length) throw new Unlucky(`it must have ${entry.bytes} bytes but ended before`);
    } catch (error) {
      if (error instanceof Unlucky && fresh > 0) return false;
      throw error;
    }
    return true;
  });
}
