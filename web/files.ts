/** A model's files in a page: from disk by slices, or the embedded model's, fetched whole. Opened and checked as in Node. */
import { type ByteSource, FileError, bytesSource, throwIfAborted } from '../src/engine/index.ts';
import { MANIFEST, type Manifest, manifestBytes, parseManifest } from '../src/harmon/manifest.ts';
import {
  type Cures,
  type OpenModel,
  type TextFile,
  checkParts,
  configOf,
  openWeightFiles,
  parseJson,
  pickWeights,
  readText,
  tokenizerOf,
} from '../src/harmon/open.ts';
import { checkChunks } from './download/chunk.ts';
import { fetchWhole } from './download/whole.ts';

/** Files that a model is opened from, by their names. */
export interface FileSet {
  /** What errors call it. */
  readonly name: string;
  readonly names: readonly string[];
  open(name: string, signal?: AbortSignal): Promise<ByteSource>;
  /** The files are of no more use. */
  release?(): void;
}

/** How far the reading of a model's files has come, bytes. */
export interface OpenProgress {
  /** `wait`: another tab is downloading the same; `download`; `verify`: what is stored is read again. */
  readonly phase: 'wait' | 'download' | 'verify';
  readonly done: number;
  readonly total: number;
}

export interface OpenFilesOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: OpenProgress) => void;
}

const cures: Cures = {
  model: "choose the model's file, or all files of one converted folder",
  vae: 'choose one of them',
  vaeAlone: "choose the model's file (harmon_….pth) as well",
  noVae: 'choose the file that has it (kl16.ckpt) as well',
  config: 'choose its config.json as well',
  tokenizer: 'choose the tokenizer.json that belongs to the weights as well',
};

/** Bytes of a Blob or a file on disk, by slices. */
export const blobSource = (name: string, blob: Blob): ByteSource => ({
  name,
  size: blob.size,
  read: async (offset, length) => new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer()),
});

/** Files that somebody chose. @throws FileError for two of one name. */
export function chosenFiles(files: readonly File[]): FileSet {
  const named = new Map(files.map((file) => [file.name, file]));
  if (named.size < files.length) {
    const twice = files.find((file) => named.get(file.name) !== file)!;
    throw new FileError(`the chosen files: must have one ${twice.name} but have two: choose the files of one model`);
  }
  return {
    name: 'the chosen files',
    names: [...named.keys()],
    open: async (name) => blobSource(name, named.get(name)!),
  };
}

/** Fetches the embedded model, each file whole, and checks it against its list. */
export function embeddedFiles(urls: Readonly<Record<string, string>>, options: OpenFilesOptions = {}): FileSet {
  let listed: Promise<Manifest> | undefined;
  let done = 0;
  const list = async (signal?: AbortSignal) => {
    const text = new TextDecoder().decode(await fetchWhole(urls[MANIFEST], { signal }));
    return parseManifest(parseJson({ name: MANIFEST, text }), MANIFEST);
  };
  return {
    name: 'the embedded model',
    names: Object.keys(urls),
    async open(name, signal = options.signal) {
      const manifest = await (listed ??= list(signal));
      const file = manifest.files.find((entry) => entry.name === name);
      if (!file) throw new FileError(`${name} must be listed by ${MANIFEST} but is not: install overtone-gpu again`);
      const onBytes = (bytes: number) =>
        options.onProgress?.({ phase: 'download', done: (done += bytes), total: manifestBytes(manifest) });
      const bytes = await fetchWhole(urls[name], { signal, most: file.bytes, onBytes });
      await checkChunks(bytes, file, manifest.chunkBytes);
      return bytesSource(name, bytes);
    },
  };
}

/** Opens the files of a model, without touching a GPU. `embedded` has what the embedded model's own weights need beside them. @throws FileError, AbortError. */
export async function openModelFiles(
  files: FileSet,
  embedded: FileSet,
  { signal }: OpenFilesOptions = {},
): Promise<OpenModel> {
  throwIfAborted(signal, 'open');
  const text = async (set: FileSet, name: string): Promise<TextFile> => readText(await set.open(name, signal), signal);
  const beside = async (name: string) => (files.names.includes(name) ? text(files, name) : undefined);
  const open = (name: string) => {
    if (files.names.includes(name)) return files.open(name, signal);
    throw new FileError(`${name}: must be one of ${files.name} but is not: choose it as well`);
  };
  const weights = await openWeightFiles(
    pickWeights(files.name, files.names, cures),
    { open, text: async (name) => (await text(files, name)).text, shard: (_, name) => Promise.resolve(open(name)) },
    signal,
  );
  checkParts(weights, cures);
  const config = await configOf(weights, await beside('config.json'), () => text(embedded, 'config.json'), cures);
  const tokenizerFile = await beside('tokenizer.json');
  const tokenizer = await tokenizerOf(config, files.name, tokenizerFile, () => text(embedded, 'tokenizer.json'), cures);
  throwIfAborted(signal, 'open');
  return { config, tokenizer, weights };
}
