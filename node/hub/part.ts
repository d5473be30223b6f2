/**
 * A file that is on its way: the bytes so far, and beside them a journal with a SHA-256 of each chunk that was written and flushed. What a killed
 * process has left is taken up again as far as the bytes have these hashes; lengths prove nothing.
 */
import { type Hash, createHash } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { throwIfAborted } from '../../src/engine/index.ts';
import { syncFolder } from '../files.ts';

/** How a hub names the content of a file: by its SHA-256, or as git does. */
export interface ContentHash {
  readonly kind: 'sha256' | 'git';
  /** Hexadecimal digits. */
  readonly hex: string;
}

export interface PartOptions {
  readonly bytes: number;
  readonly hash: ContentHash;
  readonly chunkBytes: number;
  /** SHA-256 of each chunk, where its maker has listed them. */
  readonly chunks?: readonly string[];
}

/** Most of a journal that is read: a million chunks. */
const MOST_JOURNAL = 1 << 26;

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

export class Part {
  /** Bytes that are whole, flushed and in the journal. */
  have = 0;
  private whole: Hash;
  private journalEnd = 0;

  private constructor(
    private readonly path: string,
    private readonly options: PartOptions,
    private readonly data: FileHandle,
    private readonly journal: FileHandle,
  ) {
    this.whole = this.fresh();
  }

  /** Opens what is at `path` and takes up what of it is whole, or begins anew. */
  static async open(path: string, options: PartOptions, signal?: AbortSignal): Promise<Part> {
    const data = await openOrMake(path);
    let journal: FileHandle | undefined;
    try {
      journal = await openOrMake(journalOf(path));
      const part = new Part(path, options, data, journal);
      await part.takeUp(await part.listed(), signal);
      return part;
    } catch (error) {
      await data.close();
      await journal?.close();
      throw error;
    }
  }

  /** Hashes of the chunks that an earlier process has noted. */
  private async listed(): Promise<string[]> {
    const { size } = await this.journal.stat();
    if (size > MOST_JOURNAL) return [];
    const text = Buffer.alloc(size);
    await this.journal.read(text, 0, size, 0);
    const [head, ...lines] = text.toString('latin1').split('\n').slice(0, -1);
    if (head !== this.head()) return [];
    const end = lines.findIndex((line) => !/^[\da-f]{64}$/.test(line));
    return end < 0 ? lines : lines.slice(0, end);
  }

  private async takeUp(listed: readonly string[], signal: AbortSignal | undefined): Promise<void> {
    const kept: string[] = [];
    for (const hash of listed) {
      throwIfAborted(signal, 'download');
      const bytes = Buffer.alloc(this.nextLength);
      const { bytesRead } = await this.data.read(bytes, 0, bytes.length, this.have);
      if (bytes.length === 0 || bytesRead < bytes.length || sha256(bytes) !== hash || !this.accepts(hash)) break;
      this.whole.update(bytes);
      this.have += bytes.length;
      kept.push(hash);
    }
    await this.data.truncate(this.have);
    await this.journal.truncate(0);
    await this.write(`${[this.head(), ...kept].join('\n')}\n`, 0);
  }

  /** Forgets all of it. */
  async restart(): Promise<void> {
    this.have = 0;
    this.whole = this.fresh();
    await this.takeUp([], undefined);
  }

  /** Bytes of the chunk that comes next; 0 behind the last. */
  get nextLength(): number {
    return Math.min(this.options.chunkBytes, this.options.bytes - this.have);
  }

  /** Whether the next chunk may have this hash. */
  private accepts(hash: string): boolean {
    return (this.options.chunks?.[this.have / this.options.chunkBytes] ?? hash) === hash;
  }

  /** Keeps the next chunk, whole and flushed; false, and nothing is kept, where its maker lists another hash. */
  async add(chunk: Uint8Array): Promise<boolean> {
    const hash = sha256(chunk);
    if (!this.accepts(hash)) return false;
    await writeAll(this.data, chunk, this.have);
    await this.data.datasync();
    await this.write(`${hash}\n`, this.journalEnd);
    this.whole.update(chunk);
    this.have += chunk.length;
    return true;
  }

  /** Whether all of it is what the hub has. */
  isRight(): boolean {
    return this.have === this.options.bytes && this.whole.copy().digest('hex') === this.options.hash.hex;
  }

  /** Gives the file, which is right, its name. */
  async finish(path: string): Promise<void> {
    await this.data.sync();
    await this.close();
    await rename(this.path, path);
    await syncFolder(dirname(path));
    await rm(journalOf(this.path), { force: true });
  }

  async close(): Promise<void> {
    await Promise.all([this.data.close(), this.journal.close()]);
  }

  private head(): string {
    const { bytes, hash, chunkBytes } = this.options;
    return `overtone-download-1 ${bytes} ${hash.kind} ${hash.hex} ${chunkBytes}`;
  }

  private fresh(): Hash {
    const { bytes, hash } = this.options;
    return hash.kind === 'sha256' ? createHash('sha256') : createHash('sha1').update(`blob ${bytes}\0`);
  }

  private async write(text: string, at: number): Promise<void> {
    const bytes = Buffer.from(text);
    await writeAll(this.journal, bytes, at);
    await this.journal.datasync();
    this.journalEnd = at + bytes.length;
  }
}

const journalOf = (path: string): string => `${path}.journal`;

const openOrMake = (path: string): Promise<FileHandle> =>
  open(path, 'r+').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return open(path, 'wx+');
    throw error;
  });

async function writeAll(file: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < bytes.length;)
    done += (await file.write(bytes, done, bytes.length - done, at + done)).bytesWritten;
}
