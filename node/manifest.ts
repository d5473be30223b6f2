/** Making overtone.json: the files of a model's folder with a SHA-256 of each chunk. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { CHUNK_BYTES, type Manifest, type ManifestFile, manifestText } from '../src/harmon/manifest.ts';
import { throwIfAborted } from '../src/engine/index.ts';
import { fileSource } from './files.ts';

/** The text of the manifest of files that are there. `onBytes` is told the bytes of each piece that is read. @throws FileError, AbortError. */
export async function manifestOf(
  folder: string,
  names: readonly string[],
  { name, hash, weights }: Manifest['model'],
  options: { readonly signal?: AbortSignal; readonly onBytes?: (bytes: number) => void } = {},
): Promise<string> {
  const files: ManifestFile[] = [];
  for (const file of [...names].sort()) files.push(await hashedFile(join(folder, file), file, options));
  return manifestText({ model: { name, hash, weights }, chunkBytes: CHUNK_BYTES, files });
}

/** The hashes of what is written to a file, piece by piece. */
export function chunkHashes(): { update(piece: Uint8Array): void; end(): string[] } {
  const chunks: string[] = [];
  let hash = createHash('sha256');
  let filled = 0;
  const close = (): void => {
    chunks.push(hash.digest('hex'));
    hash = createHash('sha256');
    filled = 0;
  };
  return {
    update(piece) {
      for (let at = 0; at < piece.length;) {
        const part = piece.subarray(at, at + CHUNK_BYTES - filled);
        hash.update(part);
        at += part.length;
        filled += part.length;
        if (filled === CHUNK_BYTES) close();
      }
    },
    end() {
      if (filled > 0) close();
      return chunks;
    },
  };
}

/** A file that is there. `onBytes` is told the bytes of each piece. @throws FileError, AbortError. */
export async function hashedFile(
  path: string,
  name: string,
  { signal, onBytes }: { readonly signal?: AbortSignal; readonly onBytes?: (bytes: number) => void } = {},
): Promise<ManifestFile> {
  const source = await fileSource(path);
  try {
    const hashes = chunkHashes();
    const into = new Uint8Array(Math.min(CHUNK_BYTES, source.size));
    for (let at = 0; at < source.size; at += CHUNK_BYTES) {
      throwIfAborted(signal, 'convert');
      const bytes = await source.read(at, Math.min(CHUNK_BYTES, source.size - at), signal, into);
      hashes.update(bytes);
      onBytes?.(bytes.length);
    }
    return { name, bytes: source.size, chunks: hashes.end() };
  } finally {
    await source.close();
  }
}
