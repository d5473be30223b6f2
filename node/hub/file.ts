/** One file of a repository, by ranges into a part that outlives the process, checked as a whole before it gets its name. */
import { join } from 'node:path';
import { FileError, throwIfAborted } from '../../src/engine/index.ts';
import { LEAST, Unlucky, tries } from '../../src/harmon/tries.ts';
import { makeFolder } from '../files.ts';
import { type HubHost, base } from './host.ts';
import { type ContentHash, Part } from './part.ts';
import { LONGEST_WAIT, receive } from './receive.ts';

/** A file as the hub lists it. */
export interface HubFile {
  readonly name: string;
  readonly bytes: number;
  readonly hash: ContentHash;
}

export interface FileJob {
  readonly repo: string;
  readonly commit: string;
  readonly file: HubFile;
  /** Where its part lies. */
  readonly parts: string;
  readonly target: string;
  /** The chunks' hashes, where the model's own list has them. */
  readonly listed?: { readonly chunkBytes: number; readonly chunks: readonly string[] };
  readonly signal?: AbortSignal;
  /** Told the bytes of each piece, also those that lay there; negative for what must come again. */
  readonly tell: (bytes: number) => void;
  /** Called before the file gets its name. @throws where this process may write no longer. */
  readonly guard: () => Promise<void>;
}

/** Times that a file is fetched from its start before it is given up. */
const MOST_STARTS = 2;

/** Brings a file to its place. @throws FileError, AbortError, what the system says to writing. */
export async function fetchFile(host: HubHost, job: FileJob): Promise<void> {
  const { file, listed, signal, target } = job;
  await makeFolder(job.parts);
  const path = join(job.parts, `${file.hash.kind}-${file.hash.hex}`);
  const chunkBytes = listed?.chunkBytes ?? host.chunkBytes;
  const { bytes, hash } = file;
  const part = await Part.open(path, { bytes, hash, chunkBytes, chunks: listed?.chunks }, signal);
  try {
    await new Filling(host, job, part).run();
    throwIfAborted(signal, 'download');
    await job.guard();
    await part.finish(target);
  } catch (error) {
    await part.close().catch(() => undefined);
    throw error;
  }
}

class Filling {
  private readonly url: string;
  /** What has come of the next chunk. */
  private chunk: Uint8Array;
  private pending = 0;
  private starts = 1;
  /** The file's tag by the server that sends it. */
  private readonly tags = new Map<string, string>();

  constructor(
    private readonly host: HubHost,
    private readonly job: FileJob,
    private readonly part: Part,
  ) {
    this.url = `${base(host)}/${job.repo}/resolve/${job.commit}/${encodeURIComponent(job.file.name)}`;
    this.chunk = new Uint8Array(part.nextLength);
  }

  async run(): Promise<void> {
    this.job.tell(this.part.have);
    const again = { sleep: this.host.sleep, longestWait: LONGEST_WAIT };
    await tries(again, this.url, this.job.signal, () => this.attempt());
  }

  private get at(): number {
    return this.part.have + this.pending;
  }

  private async attempt(): Promise<boolean> {
    const before = this.at;
    try {
      if (before < this.job.file.bytes) await this.request(before);
      if (this.at < this.job.file.bytes)
        throw new Unlucky(`it must have ${this.job.file.bytes} bytes but ended after ${this.at}`);
    } catch (error) {
      if (error instanceof Unlucky && this.at - before >= LEAST) return false;
      throw error;
    }
    if (!this.part.isRight()) await this.restart('must have the bytes that the hub lists the hash of but has others');
    return true;
  }

  /** @throws always. */
  private async restart(what: string): Promise<never> {
    this.job.tell(-this.at);
    await this.part.restart();
    this.begin();
    this.tags.clear();
    if (this.starts++ >= MOST_STARTS)
      throw new FileError(`${this.url}: ${what}, each time: it was damaged or changed on its way: try again later`);
    throw new Unlucky(`it ${what}`);
  }

  private begin(): void {
    this.chunk = new Uint8Array(this.part.nextLength);
    this.pending = 0;
  }

  private async request(first: number): Promise<void> {
    const { job, url, host } = this;
    const { bytes } = job.file;
    let skip = 0;
    let changed = false;
    await receive(host, url, { Range: `bytes=${first}-${bytes - 1}` }, job.signal, {
      ofHub: (headers) => this.checkHub(headers),
      check: (response) => {
        skip = this.checkAnswer(response, first);
        changed = this.tagChanged(response);
      },
      take: async (piece) => {
        if (changed) return true;
        const rest = piece.subarray(Math.min(skip, piece.length));
        skip -= piece.length - rest.length;
        await this.take(rest);
        return this.at === bytes;
      },
    });
    if (changed) await this.restart('must stay as it is while it is fetched but changed');
  }

  private async take(piece: Uint8Array): Promise<void> {
    for (let from = 0; from < piece.length && this.at < this.job.file.bytes;) {
      const some = piece.subarray(from, from + this.chunk.length - this.pending);
      this.chunk.set(some, this.pending);
      this.pending += some.length;
      from += some.length;
      this.job.tell(some.length);
      if (this.pending < this.chunk.length) continue;
      const isRight = await this.part.add(this.chunk);
      if (!isRight) this.job.tell(-this.chunk.length);
      this.begin();
      if (!isRight) throw new Unlucky("it must have the bytes that the model's list gives a hash of but has others");
      throwIfAborted(this.job.signal, 'download');
    }
  }

  /** What the hub itself says before it sends, or sends elsewhere. */
  private checkHub(headers: Headers): void {
    const { commit, file } = this.job;
    const fail = (what: string): never => {
      throw new FileError(`${this.url}: ${what}: try again later, or check HF_ENDPOINT`);
    };
    const answered = headers.get('X-Repo-Commit');
    if (answered !== null && answered !== commit)
      fail(`must be of commit ${commit} but is of ${answered.slice(0, 40)}`);
    const size = headers.get('X-Linked-Size');
    if (size !== null && size !== String(file.bytes))
      fail(`must have ${file.bytes} bytes as the hub lists it but has ${size.slice(0, 20)}`);
    const tag = unquoted(headers.get('X-Linked-Etag'));
    if (tag !== null && tag !== file.hash.hex)
      fail(`must have the hash ${file.hash.hex} as the hub lists it but has ${tag.slice(0, 64)}`);
  }

  /** Bytes to pass over, where the server knows no ranges. */
  private checkAnswer({ status, headers }: Response, first: number): number {
    const { bytes } = this.job.file;
    if (/^text\/html/i.test(headers.get('Content-Type') ?? ''))
      throw new FileError(
        `${this.url}: must be a file of the model but is a web page: check HF_ENDPOINT, or whether this network asks you to sign in`,
      );
    const coding = headers.get('Content-Encoding');
    if (coding !== null && coding !== 'identity')
      throw new Unlucky(`it must come as it is but is packed with ${coding.slice(0, 20)}`);
    const length = headers.get('Content-Length');
    const wanted = status === 200 ? bytes : bytes - first;
    if (length !== null && Number(length) !== wanted)
      throw new Unlucky(`it must come with ${wanted} bytes but comes with ${length.slice(0, 20)}`);
    if (status === 200) return first;
    const range = headers.get('Content-Range');
    if (status !== 206 || range !== `bytes ${first}-${bytes - 1}/${bytes}`)
      throw new Unlucky(
        `it must send bytes ${first}-${bytes - 1} of ${bytes} but says ${JSON.stringify(range?.slice(0, 80) ?? status)}`,
      );
    return 0;
  }

  /** Whether another file is sent now than before. */
  private tagChanged({ headers, url }: Response): boolean {
    const tag = headers.get('ETag');
    if (tag === null) return false;
    const origin = URL.canParse(url) ? new URL(url).origin : '';
    const known = this.tags.get(origin);
    this.tags.set(origin, tag);
    return known !== undefined && known !== tag;
  }
}

const unquoted = (tag: string | null): string | null => tag?.replace(/^(W\/)?"(.*)"$/, '$2') ?? null;
