/** A stand-in for the origin's private file system, in memory: what was not flushed is lost when it crashes, and any call can be made to fail. */
import type { Store, StoreFolder, StoredFile } from '../../../web/download/store.ts';

interface Kept {
  flushed: Uint8Array<ArrayBuffer>;
  now: Uint8Array<ArrayBuffer>;
  open: boolean;
}

export class MemoryStore implements Store {
  readonly folders = new Map<string, Map<string, Kept>>();
  /** Names of the calls that change something so far. */
  readonly calls: string[] = [];
  /** Fails the n-th of them with this, once. */
  failAt = 0;
  failure: () => Error = () => new DOMException('no room', 'QuotaExceededError');
  /** Bytes that fit. */
  quota = Infinity;

  private step(name: string): void {
    if (this.calls.push(name) === this.failAt) throw this.failure();
  }

  /** The tab or its worker ends at once. */
  crash(): void {
    for (const files of this.folders.values())
      for (const file of files.values()) {
        file.now = file.flushed.slice();
        file.open = false;
      }
  }

  get used(): number {
    return [...this.folders.values()].flatMap((files) => [...files.values()]).reduce((sum, f) => sum + f.now.length, 0);
  }

  async folder(key: string, make = false): Promise<StoreFolder | undefined> {
    if (make && !this.folders.has(key)) this.folders.set(key, new Map());
    const files = this.folders.get(key);
    if (!files) return undefined;
    return {
      open: async (name) => {
        this.step('open');
        const file = files.get(name) ?? { flushed: new Uint8Array(0), now: new Uint8Array(0), open: false };
        files.set(name, file);
        if (file.open) throw new DOMException('is open', 'NoModificationAllowedError');
        file.open = true;
        return this.handle(file);
      },
      blob: async (name) => {
        const file = files.get(name);
        return file && new Blob([file.now]);
      },
    };
  }

  private handle(file: Kept): StoredFile {
    const resize = (size: number) => {
      if (this.used - file.now.length + size > this.quota) throw new DOMException('no room', 'QuotaExceededError');
      const bytes = new Uint8Array(size);
      bytes.set(file.now.subarray(0, size));
      file.now = bytes;
    };
    return {
      get size() {
        return file.now.length;
      },
      read: (offset, length) => file.now.slice(offset, offset + length),
      write: (bytes, offset) => {
        this.step('write');
        if (offset + bytes.length > file.now.length) resize(offset + bytes.length);
        file.now.set(bytes, offset);
      },
      truncate: (size) => {
        this.step('truncate');
        resize(size);
      },
      flush: () => {
        this.step('flush');
        file.flushed = file.now.slice();
      },
      close: () => {
        file.open = false;
      },
    };
  }

  async keys(): Promise<string[]> {
    return [...this.folders.keys()];
  }

  async remove(key: string): Promise<void> {
    this.folders.delete(key);
  }
}
