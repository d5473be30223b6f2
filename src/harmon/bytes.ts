/** Bytes joined, and text of one byte a character, as file formats hold it. */

export function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Bytes as Latin-1. */
export function latin1(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += BLOCK) text += String.fromCharCode(...bytes.subarray(at, at + BLOCK));
  return text;
}

/** Arguments of a call; engines allow some 100,000. */
const BLOCK = 8192;

/** Text as Latin-1; characters beyond it lose their high bits. */
export const fromLatin1 = (text: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from({ length: text.length }, (_, i) => text.charCodeAt(i));
