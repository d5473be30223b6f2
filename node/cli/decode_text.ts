/** Text from files and pipes: UTF-8, strictly, so that no letter becomes another one unseen. */
import { FileError } from '../../src/engine/index.ts';

/** UTF-8, or UTF-16 that begins with a byte order mark, as PowerShell writes it. @throws FileError naming the first byte that is neither. */
export function decodeText(bytes: Uint8Array, name: string): string {
  const [a, b] = bytes;
  const encoding = a === 0xff && b === 0xfe ? 'utf-16le' : a === 0xfe && b === 0xff ? 'utf-16be' : 'utf-8';
  if (encoding === 'utf-8' && (a === 0 || b === 0))
    throw new FileError(`${name}: must be UTF-8 but seems to be UTF-16 without a byte order mark: save it as UTF-8`);
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    if (encoding !== 'utf-8') throw new FileError(`${name}: must be UTF-16 as it begins, but is not: save it as UTF-8`);
    const at = firstOutside(bytes);
    throw new FileError(
      `${name}: must be UTF-8 but byte ${at} (0x${bytes[at].toString(16)}) belongs to no UTF-8 text: save it as UTF-8`,
    );
  }
}

/** The first byte of what is no UTF-8: whole characters end before it. */
function firstOutside(bytes: Uint8Array): number {
  const decode = (length: number) =>
    new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(0, length), { stream: true });
  let [good, bad] = [0, bytes.length + 1];
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    try {
      decode(middle);
      good = middle;
    } catch {
      bad = middle;
    }
  }
  return Buffer.byteLength(decode(good));
}
