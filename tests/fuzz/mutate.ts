/** Damage to any bytes: flipped bits, telling values, numbers of all ones, pieces cut out, doubled or exchanged, an early end. */
import type { Random } from './random.ts';

/** Bytes that formats here give a meaning to, and the ends of ranges. */
const EDGES = [
  0, 1, 0x7f, 0x80, 0xff, 0x20, 0x22, 0x28, 0x2e, 0x52, 0x5b, 0x5d, 0x62, 0x68, 0x71, 0x74, 0x75, 0x7b, 0x7d,
];
const LENGTHS = [0, 1, 0xff, 0x7fff, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff];

/** A copy of `good` with one to four faults. */
export function mutate(good: Uint8Array, random: Random): Uint8Array {
  let bytes: Uint8Array = new Uint8Array(good);
  for (let faults = 1 + random.below(4); faults > 0 && bytes.length > 0; faults--) bytes = damage(bytes, random);
  return bytes;
}

function damage(bytes: Uint8Array, random: Random): Uint8Array {
  const at = random.below(bytes.length);
  const length = 1 + random.below(random.chance(0.2) ? 256 : 16);
  switch (random.below(8)) {
    case 0:
      bytes[at] ^= 1 << random.below(8);
      return bytes;
    case 1:
      bytes[at] = random.pick(EDGES);
      return bytes;
    case 2:
      return bytes.slice(0, at);
    case 3:
      return joined(bytes.subarray(0, at), bytes.subarray(at + length));
    case 4:
      return joined(bytes.subarray(0, at + length), bytes.subarray(at));
    case 5:
      bytes.fill(random.below(2) * 255, at, at + 4);
      return bytes;
    case 6: // a number of four bytes, in either order
      if (at + 4 > bytes.length) return bytes;
      new DataView(bytes.buffer, bytes.byteOffset).setUint32(at, random.pick(LENGTHS), random.chance(0.7));
      return bytes;
    default: {
      const from = random.below(bytes.length);
      const piece = bytes.slice(from, from + length);
      bytes.set(piece.subarray(0, bytes.length - at), at);
      return bytes;
    }
  }
}

export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
