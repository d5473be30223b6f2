/** Where downloaded models lie: a folder for each address, of files that are written in place. OPFS in a worker; memory in tests. */

/** A file that is open for writing, by one owner at a time. What is not flushed may be lost. */
export interface StoredFile {
  readonly size: number;
  read(offset: number, length: number): Uint8Array<ArrayBuffer>;
  /** @throws when storage is full. */
  write(bytes: Uint8Array<ArrayBuffer>, offset: number): void;
  truncate(size: number): void;
  flush(): void;
  close(): void;
}

export interface StoreFolder {
  /** Opens a file for writing; it is made if there is none. Only in a worker. */
  open(name: string): Promise<StoredFile>;
  /** A file for reading by slices; undefined when there is none. */
  blob(name: string): Promise<Blob | undefined>;
}

export interface Store {
  /** A model's folder; undefined when there is none and `make` is not set. */
  folder(key: string, make?: boolean): Promise<StoreFolder | undefined>;
  /** Keys of all folders. */
  keys(): Promise<string[]>;
  remove(key: string): Promise<void>;
}
