/** Chunks of a model's files against the SHA-256 that the manifest has of them. */
import { FileError } from '../../src/engine/index.ts';
import { type ManifestFile, chunkRange } from '../../src/harmon/manifest.ts';

/** SHA-256, 32 bytes. */
export const digest = async (bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> =>
  new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));

/** SHA-256 in hexadecimal digits. */
export const sha256 = async (bytes: Uint8Array<ArrayBuffer>): Promise<string> =>
  Array.from(await digest(bytes), (byte) => byte.toString(16).padStart(2, '0')).join('');

/** Checks a whole file. @throws FileError naming it when its length or any chunk is another. */
export async function checkChunks(
  bytes: Uint8Array<ArrayBuffer>,
  file: ManifestFile,
  chunkBytes: number,
): Promise<void> {
  if (bytes.length !== file.bytes)
    throw new FileError(`${file.name}: must have ${file.bytes} bytes but has ${bytes.length}: load it again`);
  for (const [index, hash] of file.chunks.entries()) {
    const { offset, length } = chunkRange(file, chunkBytes, index);
    if ((await sha256(bytes.subarray(offset, offset + length))) !== hash)
      throw new FileError(
        `${file.name}: must be as its maker listed it but differs from byte ${offset} on: load it again`,
      );
  }
}
