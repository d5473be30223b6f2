/** What every format here reads alike: little-endian views, strict text, and names of files that must stay in their folder. */

/** A little-endian view of exactly these bytes. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Bytes as text; undefined when they are not UTF-8. Short ASCII, the common case, skips the decoder, which costs more than the text. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  if (bytes.length <= 256) {
    let seen = 0;
    for (let i = 0; i < bytes.length; i++) seen |= bytes[i];
    if (seen < 0x80) return String.fromCharCode.apply(undefined, bytes as unknown as number[]);
  }
  try {
    return strict.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Whether a name stays inside the folder it is used in: relative, no `..`, no drive, no backslash, no control characters. */
export function isPlainPath(name: string): boolean {
  if (name === '' || /^\/|[\\\0-\x1f\x7f]|^[A-Za-z]:/.test(name)) return false;
  return !name.split('/').includes('..');
}
