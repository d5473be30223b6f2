/**
 * What has been fetched of a repository: `commits/<commit>/` holds whole files under their own names, `commits/<commit>.json` the hub's list of
 * that commit, `refs/` which commit a branch or tag meant last, `parts/` what is on its way. A name in `commits` stands for a file that was checked.
 */
import { link, readFile, readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makeFolder, writeFileAtomic } from '../files.ts';
import type { HubFile } from './file.ts';
import type { HubHost } from './host.ts';
import { fileOf } from './listing.ts';
import { isCommit } from './name.ts';

export class HubStore {
  readonly folder: string;

  constructor({ cache, endpoint }: HubHost, repo: string) {
    this.folder = join(cache, endpoint.host.replace(/[^\w.-]/g, '_'), ...repo.split('/'));
  }

  get parts(): string {
    return join(this.folder, 'parts');
  }

  get lock(): string {
    return join(this.folder, 'lock');
  }

  commitFolder(commit: string): string {
    return join(this.folder, 'commits', commit);
  }

  pathOf(commit: string, file: HubFile): string {
    return join(this.commitFolder(commit), file.name);
  }

  /** The commit that a branch or tag meant when the hub was last asked. */
  async ref(revision: string): Promise<string | undefined> {
    const text = await textOf(this.refPath(revision));
    return isCommit(text) ? text : undefined;
  }

  keepRef(revision: string, commit: string): Promise<void> {
    return keep(this.refPath(revision), commit);
  }

  async listing(commit: string): Promise<HubFile[] | undefined> {
    const text = await textOf(`${this.commitFolder(commit)}.json`);
    if (text === undefined) return undefined;
    try {
      const entries: unknown = JSON.parse(text);
      return Array.isArray(entries) ? entries.flatMap((entry) => fileOf(entry) ?? []) : undefined;
    } catch {
      return undefined;
    }
  }

  /** Keeps a listing in the hub's own form. */
  keepListing(commit: string, files: readonly HubFile[]): Promise<void> {
    const entries = files.map(({ name, bytes, hash: { kind, hex } }) => ({
      type: 'file',
      path: name,
      ...(kind === 'git' ? { size: bytes, oid: hex } : { lfs: { oid: hex, size: bytes } }),
    }));
    return keep(`${this.commitFolder(commit)}.json`, `${JSON.stringify(entries)}\n`);
  }

  async has(commit: string, file: HubFile): Promise<boolean> {
    const info = await stat(this.pathOf(commit, file)).catch(() => undefined);
    return info?.isFile() === true && info.size === file.bytes;
  }

  /** Takes a file over from another commit that has the same; false where none has. */
  async takeOver(commit: string, file: HubFile): Promise<boolean> {
    const names = await readdir(join(this.folder, 'commits')).catch(() => []);
    for (const other of names.filter((name) => isCommit(name) && name !== commit)) {
      const same = (await this.listing(other))?.find(
        ({ bytes, hash }) => bytes === file.bytes && hash.kind === file.hash.kind && hash.hex === file.hash.hex,
      );
      if (!same || !(await this.has(other, same))) continue;
      const linked = await link(this.pathOf(other, same), this.pathOf(commit, file)).then(
        () => true,
        () => false, // this file system knows no links
      );
      if (linked) return true;
    }
    return false;
  }

  private refPath(revision: string): string {
    return join(this.folder, 'refs', encodeURIComponent(revision));
  }
}

const textOf = (path: string): Promise<string | undefined> => readFile(path, 'utf8').catch(() => undefined);

async function keep(path: string, text: string): Promise<void> {
  await makeFolder(dirname(path));
  await writeFileAtomic(path, new TextEncoder().encode(text));
}
