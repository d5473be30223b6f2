/** Fetching a small file whole, with progress. */
import { FileError, throwIfAborted } from '../../src/engine/index.ts';

export interface FetchWholeOptions {
  readonly signal?: AbortSignal;
  /** Most bytes that are taken; 64 MiB without. */
  readonly most?: number;
  /** Called with the bytes of each piece. */
  readonly onBytes?: (bytes: number) => void;
}

const MOST = 64 * 1024 * 1024;

/** All bytes of `url`. @throws FileError when it is not there, longer than `most`, or the connection breaks; AbortError. */
export async function fetchWhole(url: string, options: FetchWholeOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
  const { signal, most = MOST, onBytes } = options;
  throwIfAborted(signal, url);
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  try {
    const response = await fetch(url, { signal });
    if (!response.ok) throw new FileError(`${url}: must be there but the server answered ${response.status}`);
    const reader = response.body!.getReader();
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      if ((length += read.value.length) > most) {
        await reader.cancel();
        throw new FileError(`${url}: must have at most ${most} bytes but has more: check the address`);
      }
      parts.push(read.value);
      onBytes?.(read.value.length);
    }
  } catch (cause) {
    throwIfAborted(signal, url);
    if (cause instanceof FileError) throw cause;
    const offline = navigator.onLine ? 'check the address and the connection' : 'this device is offline';
    throw new FileError(`${url}: must be reachable but is not: ${offline}`, { cause });
  }
  return joined(parts, length);
}

function joined(parts: readonly Uint8Array<ArrayBuffer>[], length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
