/** The store of a page: its origin's private file system. */
import { StorageError } from '../errors.ts';
import type { Store, StoreFolder, StoredFile } from './store.ts';

/** What TypeScript's library for pages leaves out: it is there in workers only. */
interface SyncAccessHandle {
  getSize(): number;
  read(into: Uint8Array, options: { at: number }): number;
  write(bytes: Uint8Array, options: { at: number }): number;
  truncate(size: number): void;
  flush(): void;
  close(): void;
}
type WritableHandle = FileSystemFileHandle & { createSyncAccessHandle?(): Promise<SyncAccessHandle> };

const HOME = 'overtone-models';

/** Whether files can be written here: in a worker. */
export const canWrite = (): boolean =>
  typeof FileSystemFileHandle !== 'undefined' && 'createSyncAccessHandle' in FileSystemFileHandle.prototype;

export const opfs: Store = {
  async folder(key, make = false) {
    const home = await homeFolder(make);
    const folder = await home?.getDirectoryHandle(key, { create: make }).catch(unlessMissing);
    return folder && opfsFolder(folder);
  },
  async keys() {
    const keys: string[] = [];
    const home = await homeFolder(false);
    if (home) for await (const [name, handle] of home.entries()) if (handle.kind === 'directory') keys.push(name);
    return keys;
  },
  async remove(key) {
    await (await homeFolder(false))?.removeEntry(key, { recursive: true }).catch(unlessMissing);
  },
};

async function homeFolder(make: boolean): Promise<FileSystemDirectoryHandle | undefined> {
  const root = await navigator.storage?.getDirectory?.().catch((cause: unknown) => {
    throw new StorageError(
      '[storage] this page must be allowed to store models but is not: leave private browsing, or allow it to store data',
      undefined,
      { cause },
    );
  });
  if (root) return root.getDirectoryHandle(HOME, { create: make }).catch(unlessMissing);
  if (!make) return undefined;
  throw new StorageError(
    '[storage] the browser must store files for a page but does not: update it, or choose files from disk',
  );
}

function opfsFolder(folder: FileSystemDirectoryHandle): StoreFolder {
  return {
    async open(name) {
      const file: WritableHandle = await folder.getFileHandle(name, { create: true });
      return storedFile(await file.createSyncAccessHandle!());
    },
    async blob(name) {
      const handle = await folder.getFileHandle(name).catch(unlessMissing);
      return handle?.getFile();
    },
  };
}

function storedFile(handle: SyncAccessHandle): StoredFile {
  return {
    get size() {
      return handle.getSize();
    },
    read(offset, length) {
      const bytes = new Uint8Array(length);
      return bytes.subarray(0, handle.read(bytes, { at: offset }));
    },
    write(bytes, offset) {
      const written = handle.write(bytes, { at: offset });
      if (written !== bytes.length)
        throw new DOMException(`${written} of ${bytes.length} bytes were written`, 'QuotaExceededError');
    },
    truncate: (size) => handle.truncate(size),
    flush: () => handle.flush(),
    close: () => handle.close(),
  };
}

function unlessMissing(error: unknown): undefined {
  if (error instanceof DOMException && error.name === 'NotFoundError') return undefined;
  throw error;
}
