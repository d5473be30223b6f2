/**
 * Models by name: `hf:owner/name@revision` becomes files in the cache folder. A revision is pinned to its commit before anything is fetched; what is
 * whole is not fetched again, nor asked for where the name is a commit's; where the hub cannot be reached, the commit that it named last serves.
 */
import { readFile, statfs } from 'node:fs/promises';
import { FileError, throwIfAborted } from '../../src/engine/index.ts';
import { Unlucky } from '../../src/harmon/tries.ts';
import { makeFolder, reasonOf } from '../files.ts';
import { type HubFile, fetchFile } from './file.ts';
import { type HubHost, hubHost } from './host.ts';
import { commitOf, filesOf } from './listing.ts';
import { withLock } from './lock.ts';
import { type HubName, hubNameText, isCommit } from './name.ts';
import { type Given, type Picked, pickFiles } from './pick.ts';
import { HubStore } from './store.ts';

export interface HubOptions {
  readonly signal?: AbortSignal;
  /** Bytes that are whole or on their way, of all that the model needs. Not called where all is there. */
  readonly onDownload?: (done: number, total: number) => void;
  /** A sentence that the user should see. */
  readonly onNote?: (text: string) => void;
  /** The hub; that of the environment without. */
  readonly host?: HubHost;
}

/** The files of a model; the paths of its weights where it has them. */
export interface HubModel {
  readonly commit: string;
  readonly folder: string;
  readonly checkpoint?: string;
  readonly vae?: string;
}

/** What the hub has of a model, and what of it is here. */
export interface HubContents {
  readonly commit: string;
  readonly files: readonly (HubFile & { readonly isHere: boolean })[];
}

/** Brings a model into the cache folder. @throws FileError, ArgumentError, AbortError. */
export const fetchModel = (name: HubName, given: Given, options: HubOptions = {}): Promise<HubModel> =>
  visiting(name, options, async (visit) => {
    const picked = await visit.pick(given);
    await visit.bring(picked.files, picked);
    const path = (file: string | undefined) => (file === undefined ? undefined : visit.path(file));
    return {
      commit: visit.commit,
      folder: visit.store.commitFolder(visit.commit),
      checkpoint: path(picked.model),
      vae: path(picked.vae),
    };
  });

/** Brings one file into the cache folder; its path. @throws FileError, ArgumentError, AbortError. */
export const fetchSingle = (name: HubName, options: HubOptions = {}): Promise<string> =>
  visiting(name, options, async (visit) => {
    await visit.bring([visit.file(name.file!)]);
    return visit.path(name.file!);
  });

/** Looks at a model without fetching its weights. @throws FileError, ArgumentError, AbortError. */
export const hubContents = (name: HubName, options: HubOptions = {}): Promise<HubContents> =>
  visiting(name, options, async (visit) => {
    const files = name.file === undefined ? (await visit.pick({})).files : [visit.file(name.file)];
    const isHere = await Promise.all(files.map((file) => visit.store.has(visit.commit, file)));
    return { commit: visit.commit, files: files.map((file, i) => ({ ...file, isHere: isHere[i] })) };
  });

/** What the system says to files in the cache folder becomes a sentence. */
async function visiting<T>(name: HubName, options: HubOptions, task: (visit: Visit) => Promise<T>): Promise<T> {
  try {
    return await task(await Visit.begin(name, options));
  } catch (cause) {
    if (!(cause instanceof Error && 'syscall' in cause)) throw cause;
    const place = 'path' in cause && typeof cause.path === 'string' ? cause.path : (options.host ?? hubHost()).cache;
    throw new FileError(
      `${place}: cannot be written: ${reasonOf(cause)}: make room or mend that, or choose another folder with OVERTONE_CACHE; what has arrived is kept`,
      { cause },
    );
  }
}

/** One commit of a repository. */
class Visit {
  private constructor(
    private readonly host: HubHost,
    private readonly name: HubName,
    private readonly options: HubOptions,
    readonly store: HubStore,
    readonly commit: string,
    private readonly listed: readonly HubFile[],
  ) {}

  static async begin(name: HubName, options: HubOptions): Promise<Visit> {
    const host = options.host ?? hubHost();
    const store = new HubStore(host, name.repo);
    throwIfAborted(options.signal, 'download');
    const commit = await pinned(host, store, name, options);
    let listed = await store.listing(commit);
    if (!listed) {
      if (host.offline) throw notHere(name);
      listed = await filesOf(host, name.repo, commit, options.signal);
      await store.keepListing(commit, listed);
    }
    return new Visit(host, name, options, store, commit, listed);
  }

  path(file: string): string {
    return this.store.pathOf(this.commit, this.file(file));
  }

  /** @throws FileError. */
  file(name: string): HubFile {
    const file = this.listed.find((each) => each.name === name);
    if (file) return file;
    const some = this.listed.slice(0, 12).map((each) => each.name);
    throw new FileError(
      `${hubNameText(this.name)}: must be a file of ${this.name.repo} but there is none: it has ${some.join(', ') || 'no files'}`,
    );
  }

  pick(given: Given): Promise<Picked> {
    const place = hubNameText({ ...this.name, file: undefined });
    return pickFiles(place, this.listed, given, async (file) => {
      if (file.bytes > MOST_TEXT) throw new FileError(`${place}: ${file.name} must be a short list but is not`);
      await this.bring([file], undefined, true);
      return readFile(this.store.pathOf(this.commit, file), 'utf8');
    });
  }

  /** Fetches what is not here yet. */
  async bring(files: readonly HubFile[], { manifest }: Pick<Picked, 'manifest'> = {}, isQuiet = false): Promise<void> {
    const { store, commit, host, options, name } = this;
    const { signal, onNote } = options;
    const missing = async () => {
      const here = await Promise.all(files.map((file) => store.has(commit, file)));
      return files.filter((_, i) => !here[i]);
    };
    if ((await missing()).length === 0) return;
    if (host.offline) throw notHere(name);
    await makeFolder(store.commitFolder(commit));
    const onWait = () => onNote?.(`Another process is fetching ${name.repo}: waiting for it\n`);
    await withLock(store.lock, { sleep: host.sleep, signal, onWait }, async (guard) => {
      const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
      const left: HubFile[] = [];
      for (const file of await missing()) if (!(await store.takeOver(commit, file))) left.push(file);
      const needed = left.reduce((sum, { bytes }) => sum + bytes, 0);
      await checkRoom(store.folder, needed, hubNameText(name));
      const tell = teller(total - needed, total, isQuiet ? undefined : options.onDownload);
      for (const file of left) {
        const own = manifest?.files.find((each) => each.name === file.name);
        const listed = own && { chunkBytes: manifest!.chunkBytes, chunks: own.chunks };
        const target = store.pathOf(commit, file);
        await fetchFile(host, {
          repo: name.repo,
          commit,
          file,
          parts: store.parts,
          target,
          listed,
          signal,
          tell,
          guard,
        });
      }
    });
  }
}

/** Longest index or manifest that is read, bytes. */
const MOST_TEXT = 64 * 1024 * 1024;

/** The commit that a revision means: the hub's word, or its last one. */
async function pinned(host: HubHost, store: HubStore, name: HubName, options: HubOptions): Promise<string> {
  const { repo, revision } = name;
  if (isCommit(revision)) return revision;
  const known = await store.ref(revision);
  if (host.offline) {
    if (known === undefined) throw notHere(name);
    return known;
  }
  try {
    const commit = await commitOf(host, repo, revision, { once: known !== undefined, signal: options.signal });
    if (commit !== known) await store.keepRef(revision, commit);
    return commit;
  } catch (error) {
    throwIfAborted(options.signal, 'download');
    if (known === undefined || !(error instanceof Unlucky)) throw error;
    options.onNote?.(
      `${host.endpoint.host} cannot be reached: ${hubNameText(name)} is taken as it was, commit ${known.slice(0, 10)}\n`,
    );
    return known;
  }
}

const notHere = (name: HubName): FileError =>
  new FileError(`${hubNameText(name)}: must be in the cache folder, whole, but is not: unset HF_HUB_OFFLINE`);

function teller(begin: number, total: number, onDownload: HubOptions['onDownload']): (bytes: number) => void {
  let done = begin;
  let told = begin;
  onDownload?.(told, total);
  return (bytes) => {
    done += bytes;
    if (bytes !== 0) onDownload?.((told = Math.min(total, Math.max(told, done))), total);
  };
}

async function checkRoom(folder: string, bytes: number, name: string): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize >= bytes) return;
  const gigabytes = (n: number) => `${(n / 1e9).toFixed(2)} GB`;
  throw new FileError(
    `${folder}: must have ${gigabytes(bytes)} free for ${name} but has ${gigabytes(bavail * bsize)}: make room, or choose another folder with OVERTONE_CACHE`,
  );
}
