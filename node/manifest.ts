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
  for (const file of [...names].sort()) files.push(await hashed(join(folder, file), file, options));
  return manifestText({ model: { name, hash, weights }, chunkBytes: CHUNK_BYTES, files });
}

async function hashed(
  path: string,
  name: string,
  { signal, onBytes }: { readonly signal?: AbortSignal; readonly onBytes?: (bytes: number) => void },
): Promise<ManifestFile> {
  const source = await fileSource(path);
  try {
    const chunks: string[] = [];
    for (let at = 0; at < source.size; at += CHUNK_BYTES) {
      throwIfAborted(signal, 'convert');
      const bytes = await source.read(at, Math.min(CHUNK_BYTES, source.size - at), signal);
      chunks.push(createHash('sha256').update(bytes).digest('hex'));
      onBytes?.(bytes.length);
    }
    return { name, bytes: source.size, chunks };
  } finally {
    await source.close();
  }
}
