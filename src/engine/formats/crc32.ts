/**
 * CRC-32 (the zip polynomial), eight bytes a step: eight tables, where table k advances a byte over k more zero bytes, so that
 * eight look-ups stand for eight dependent ones.
 */
const POLYNOMIAL = 0xedb88320;
const [T0, T1, T2, T3, T4, T5, T6, T7] = tables();

function tables(): Int32Array[] {
  const all = [new Int32Array(256)];
  for (let i = 0; i < 256; i++) {
    let c = i;
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ POLYNOMIAL : c >>> 1;
    all[0][i] = c;
  }
  for (let k = 1; k < 8; k++) all.push(all[k - 1].map((c) => (c >>> 8) ^ all[0][c & 255]));
  return all;
}

/** CRC-32 of `bytes`, continued from `previous` (the CRC of what came before; 0 at the start). Unsigned. */
export function crc32(bytes: Uint8Array, previous = 0): number {
  let c = ~previous;
  let i = 0;
  const end = bytes.length;
  while (i < end && (bytes.byteOffset + i) & 3) c = (c >>> 8) ^ T0[(c ^ bytes[i++]) & 255];
  const words = new Int32Array(bytes.buffer, bytes.byteOffset + i - ((bytes.byteOffset + i) & 3), (end - i) >> 2);
  const pairs = words.length & ~1;
  for (let w = 0; w < pairs; w += 2) {
    const a = words[w] ^ c;
    const b = words[w + 1];
    c =
      T7[a & 255] ^
      T6[(a >>> 8) & 255] ^
      T5[(a >>> 16) & 255] ^
      T4[a >>> 24] ^
      T3[b & 255] ^
      T2[(b >>> 8) & 255] ^
      T1[(b >>> 16) & 255] ^
      T0[b >>> 24];
  }
  for (i += pairs * 4; i < end; i++) c = (c >>> 8) ^ T0[(c ^ bytes[i]) & 255];
  return ~c >>> 0;
}
