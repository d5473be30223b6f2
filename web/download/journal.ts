/**
 * Which chunks of a download are whole: a file of records, each written after its chunk had the right SHA-256 and was flushed. Lengths prove
 * nothing. A journal belongs to one manifest, by its hash; a record that was torn ends it.
 */
import type { Manifest } from '../../src/harmon/manifest.ts';
import type { StoredFile } from './store.ts';

const HEADER = 32; // SHA-256 of the manifest
const RECORD = 12; // file, chunk, check

/** Chunks that are whole, as `file:chunk`. */
export type Whole = Set<string>;

export const chunkKey = (file: number, chunk: number): string => `${file}:${chunk}`;

const check = (file: number, chunk: number): number =>
  (Math.imul(file + 1, 0x9e3779b1) ^ Math.imul(chunk + 1, 0x85ebca6b)) >>> 0;

/** Reads a journal; one of another manifest says nothing. */
export function readJournal(bytes: Uint8Array<ArrayBuffer>, manifestHash: Uint8Array): Whole {
  const whole: Whole = new Set();
  if (bytes.length < HEADER || manifestHash.some((byte, i) => byte !== bytes[i])) return whole;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = HEADER; at + RECORD <= bytes.length; at += RECORD) {
    const [file, chunk] = [view.getUint32(at, true), view.getUint32(at + 4, true)];
    if (view.getUint32(at + 8, true) !== check(file, chunk)) break;
    whole.add(chunkKey(file, chunk));
  }
  return whole;
}

/** A journal that is open for writing. */
export class Journal {
  private constructor(
    private readonly file: StoredFile,
    private end: number,
    readonly whole: Whole,
  ) {}

  /** Goes on with what `file` holds; of another manifest, it starts anew. A failure closes the file. */
  static open(file: StoredFile, manifestHash: Uint8Array<ArrayBuffer>): Journal {
    try {
      const whole = readJournal(file.read(0, file.size), manifestHash);
      const journal = new Journal(file, HEADER + whole.size * RECORD, whole);
      if (whole.size === 0) journal.rewrite(manifestHash, []);
      else file.truncate(journal.end);
      return journal;
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /** Keeps only these chunks. */
  rewrite(manifestHash: Uint8Array<ArrayBuffer>, chunks: readonly (readonly [file: number, chunk: number])[]): void {
    this.file.truncate(0);
    this.file.write(manifestHash, 0);
    this.end = HEADER;
    this.whole.clear();
    for (const [file, chunk] of chunks) this.append(file, chunk);
    this.file.flush();
  }

  /** A chunk is whole: its bytes must be flushed by now. */
  add(file: number, chunk: number): void {
    this.append(file, chunk);
    this.file.flush();
  }

  private append(file: number, chunk: number): void {
    const record = new DataView(new ArrayBuffer(RECORD));
    record.setUint32(0, file, true);
    record.setUint32(4, chunk, true);
    record.setUint32(8, check(file, chunk), true);
    this.file.write(new Uint8Array(record.buffer), this.end);
    this.end += RECORD;
    this.whole.add(chunkKey(file, chunk));
  }

  close(): void {
    this.file.close();
  }
}

/** The name of a model's file in the store: what else lies there has another. */
export const dataName = (name: string): string => `data-${name}`;

/** Chunks of a manifest, in order. */
export function* chunksOf({ files }: Manifest): Generator<readonly [file: number, chunk: number]> {
  for (const [file, { chunks }] of files.entries()) for (const chunk of chunks.keys()) yield [file, chunk];
}
