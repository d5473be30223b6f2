/**
 * One deflated zip entry read forwards, piece by piece: fflate inflates, this keeps count. Output may never pass the size the
 * directory states, and the CRC is checked when the last byte is out.
 */
import { Inflate } from 'fflate';
import { FileError } from '../errors.ts';
import { crc32 } from './crc32.ts';

// Deflate expands at most 1032-fold, so one slice can add 34 MB before the size is checked again.
const SLICE = 32 * 1024;
const BLOCK = 1024 * 1024;

/** What the directory states of a deflated entry. */
export interface Deflated {
  /** "FILE: entry NAME", the subject of errors. */
  readonly subject: string;
  readonly packedSize: number;
  readonly size: number;
  readonly crc: number;
  readPacked(offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array>;
}

export interface InflateCursor {
  /** Bytes given out or skipped so far. */
  readonly position: number;
  /** The next `length` bytes; `length` must not go past the entry's size. */
  next(length: number, signal?: AbortSignal): Promise<Uint8Array>;
  skip(length: number, signal?: AbortSignal): Promise<void>;
}

/** A forward reader of a deflated entry; throws FileError on broken data, on more or fewer bytes than stated, on a wrong CRC. */
export function inflateCursor(entry: Deflated): InflateCursor {
  let packedAt = 0;
  let produced = 0;
  let crc = 0;
  let position = 0;
  const ready: Uint8Array[] = [];
  const inflater = new Inflate((chunk) => {
    produced += chunk.length;
    if (produced > entry.size)
      throw new FileError(`${entry.subject} inflates to more than the ${entry.size} bytes that its directory states.`);
    crc = crc32(chunk, crc);
    if (chunk.length) ready.push(chunk);
  });

  async function feed(signal?: AbortSignal): Promise<void> {
    const block = await entry.readPacked(packedAt, Math.min(BLOCK, entry.packedSize - packedAt), signal);
    try {
      for (let at = 0; at < block.length; at += SLICE) {
        packedAt += Math.min(SLICE, block.length - at);
        inflater.push(block.subarray(at, at + SLICE), packedAt === entry.packedSize);
      }
    } catch (cause) {
      if (cause instanceof FileError) throw cause;
      throw new FileError(`${entry.subject} holds broken compressed data; download the file again.`, { cause });
    }
  }

  /** Takes `length` bytes off the front, into `into` when given. */
  async function take(length: number, into: Uint8Array | undefined, signal?: AbortSignal): Promise<void> {
    let done = 0;
    while (done < length) {
      const chunk = ready[0];
      if (chunk) {
        const n = Math.min(chunk.length, length - done);
        into?.set(n === chunk.length ? chunk : chunk.subarray(0, n), done);
        if (n === chunk.length) ready.shift();
        else ready[0] = chunk.subarray(n);
        done += n;
        position += n;
      } else if (packedAt < entry.packedSize) await feed(signal);
      else
        throw new FileError(`${entry.subject} inflates to ${produced} bytes where its directory states ${entry.size}.`);
    }
    if (position < entry.size) return;
    while (packedAt < entry.packedSize) await feed(signal); // whatever is left may add nothing
    if (crc !== entry.crc)
      throw new FileError(`${entry.subject} is damaged: its CRC is wrong; download the file again.`);
  }

  return {
    get position() {
      return position;
    },
    async next(length, signal) {
      const bytes = new Uint8Array(length);
      await take(length, bytes, signal);
      return bytes;
    },
    skip: (length, signal) => take(length, undefined, signal),
  };
}
