/**
 * overtone.json, the list of a model folder's files with a SHA-256 of each chunk: what a download is checked with, piece by piece, and told
 * complete. `convert` writes it last.
 */
import { FileError } from '../engine/index.ts';

/** Its name in the folder. */
export const MANIFEST = 'overtone.json';

/** Bytes of a chunk that `convert` writes. */
export const CHUNK_BYTES = 4 * 1024 * 1024;

export interface ManifestFile {
  readonly name: string;
  readonly bytes: number;
  /** SHA-256 of each chunk in hexadecimal digits; the last chunk is what is left. */
  readonly chunks: readonly string[];
}

export interface Manifest {
  /** The configuration's name, the hash of the weights as in the records of pictures, and the dtype that most of them have. */
  readonly model: { readonly name: string; readonly hash: string; readonly weights: string };
  readonly chunkBytes: number;
  readonly files: readonly ManifestFile[];
}

const FORMAT = 'overtone-model-1';
const MAX_FILES = 10_000;
const MAX_CHUNKS = 1_000_000;

/** The text of a manifest. */
export const manifestText = ({ model, chunkBytes, files }: Manifest): string =>
  `${JSON.stringify({ format: FORMAT, model, chunkBytes, files }, null, 1)}\n`;

/** Bytes of all files. */
export const manifestBytes = ({ files }: Manifest): number => files.reduce((sum, { bytes }) => sum + bytes, 0);

/** Where chunk `index` of a file lies. */
export function chunkRange(file: ManifestFile, chunkBytes: number, index: number): { offset: number; length: number } {
  const offset = index * chunkBytes;
  return { offset, length: Math.min(chunkBytes, file.bytes - offset) };
}

/** Checks a manifest, which may come from anywhere. `place` names it in errors. @throws FileError. */
export function parseManifest(json: unknown, place: string): Manifest {
  const fail = (what: string): never => {
    throw new FileError(`${place}: ${what}: convert the model again with this version`);
  };
  const { format, model, chunkBytes, files } = members(json);
  if (format !== FORMAT) fail(`must be a list of a model's files (${FORMAT}) but is not`);
  const { name, hash, weights } = members(model);
  if (!isText(name, 100) || !isHash(hash) || !isText(weights, 20)) fail('must name its model but does not');
  if (!isWhole(chunkBytes) || chunkBytes < 1024 || chunkBytes > 2 ** 26)
    return fail(`must have chunks of 1 KiB to 64 MiB but has ${String(chunkBytes)}`);
  if (!Array.isArray(files) || files.length === 0 || files.length > MAX_FILES)
    return fail(`must list 1 to ${MAX_FILES} files but does not`);
  const names = new Set<string>();
  let chunks = 0;
  for (const entry of files) {
    const file = members(entry);
    if (!isFileName(file.name) || file.name === MANIFEST || names.has(file.name.toLowerCase()))
      return fail(`must name each file once and plainly but has ${JSON.stringify(file.name)?.slice(0, 80)}`);
    names.add(file.name.toLowerCase());
    if (!isWhole(file.bytes) || !Array.isArray(file.chunks) || !file.chunks.every(isHash))
      return fail(`must have bytes and the SHA-256 of each chunk for ${file.name} but has not`);
    if (file.chunks.length !== Math.ceil(file.bytes / chunkBytes))
      fail(`must have ${Math.ceil(file.bytes / chunkBytes)} chunks for ${file.name} but has ${file.chunks.length}`);
    if ((chunks += file.chunks.length) > MAX_CHUNKS) fail(`must list at most ${MAX_CHUNKS} chunks but lists more`);
  }
  return { model, chunkBytes, files } as Manifest;
}

const members = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? { ...value } : {};
const isText = (value: unknown, most: number): value is string =>
  typeof value === 'string' && value.length > 0 && value.length <= most;
const isWhole = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isHash = (value: unknown): value is string => typeof value === 'string' && /^[\da-f]{64}$/.test(value);
const isFileName = (value: unknown): value is string =>
  typeof value === 'string' && /^[\w][\w.+ -]{0,199}$/.test(value) && !/[. ]$/.test(value);
