/** Bytes at rest, read by ranges: what every file format here reads from, so that a 5 GB checkpoint is never in memory at once. */
import { FileError, OvertoneError, throwIfAborted } from '../errors.ts';

/** Random access to bytes that never change: a file, a Blob, a URL with ranges. A short or failed `read` becomes a FileError. */
export interface ByteSource {
  readonly name: string;
  /** Bytes in all. */
  readonly size: number;
  /** `into` is memory that may be used for the result where it has room; a source may also leave it alone. */
  read(offset: number, length: number, signal?: AbortSignal, into?: Uint8Array): Promise<Uint8Array>;
  /** CRC-32 of bytes, continued from `previous`, where the platform has a faster one than ours. */
  crc32?(bytes: Uint8Array, previous: number): number;
}

/** A source over bytes that are in memory already; reads are views, not copies. */
export function bytesSource(name: string, bytes: Uint8Array): ByteSource {
  return { name, size: bytes.length, read: async (offset, length) => bytes.subarray(offset, offset + length) };
}

/** Exactly `length` bytes at `offset`; throws FileError when the source ends before or gives fewer, AbortError when `signal` fired. */
export async function readExactly(
  source: ByteSource,
  offset: number,
  length: number,
  signal?: AbortSignal,
  into?: Uint8Array,
): Promise<Uint8Array> {
  throwIfAborted(signal, source.name);
  if (offset + length > source.size) throw incomplete(source.name, source.size, offset + length);
  if (length === 0) return new Uint8Array(0);
  const bytes = await source.read(offset, length, signal, into).catch((cause: unknown) => {
    throwIfAborted(signal, source.name);
    if (cause instanceof OvertoneError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new FileError(`${source.name} must be readable at ${offset} but is not: ${why}`, { cause });
  });
  throwIfAborted(signal, source.name);
  if (bytes.length !== length) throw incomplete(source.name, offset + bytes.length, offset + length);
  return bytes;
}

/** The error for a file of which only `have` of `need` bytes are there. */
export function incomplete(name: string, have: number, need: number): FileError {
  return new FileError(`${name} is incomplete: ${have} of ${need} bytes; download it again.`);
}
