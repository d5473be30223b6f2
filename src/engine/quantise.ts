/**
 * Quantised weights. Along K, 32 values share a scale:
 *   q8   w ≈ s·q, q = −127 … 127             9 words: s as an IEEE half in the low 16 bits, then four values a word
 *   q4   w ≈ m + s·q, q = 0 … 15             5 words: s low and m high, as halves, then eight values a word
 * The first value of a word lies in its lowest bits. This is the layout that other engines call Q8_0 and Q4_1, in whole words.
 */
import { groupWords } from '../../shaders/common.ts';
import { f16ToNumber, numberToF16 } from './dtype.ts';
import { FileError } from './errors.ts';

export type Quantised = 'q8' | 'q4';

/** Values that share a scale. */
export const QUANTISED_GROUP = 32;

export function isQuantised(dtype: string): dtype is Quantised {
  return dtype === 'q8' || dtype === 'q4';
}

/** Values (a multiple of 32) in groups, one after the other. Errors: FileError naming the tensor for values that are not finite or beyond the scale. */
export function quantise(name: string, values: Float32Array, kind: Quantised): Uint32Array<ArrayBuffer> {
  const words = groupWords[kind];
  const out = new Uint32Array((values.length / QUANTISED_GROUP) * words);
  for (let group = 0; group * QUANTISED_GROUP < values.length; group++) {
    const own = values.subarray(group * QUANTISED_GROUP, (group + 1) * QUANTISED_GROUP);
    const to = out.subarray(group * words, (group + 1) * words);
    const fits = kind === 'q8' ? quantise8(own, to) : quantise4(own, to);
    if (!fits)
      throw new FileError(
        `${name} must hold finite numbers whose scale is at most 65504 to be stored as ${kind}, but has ${String(worst(own))}: store it as bf16`,
      );
  }
  return out;
}

function quantise8(values: Float32Array, to: Uint32Array): boolean {
  let most = 0;
  for (const value of values) most = Math.max(most, Math.abs(value));
  to[0] = numberToF16(most / 127);
  const scale = f16ToNumber(to[0]);
  if (!Number.isFinite(scale)) return false;
  for (let i = 0; i < values.length; i++) {
    const q = scale === 0 ? 0 : Math.max(-127, Math.min(127, Math.round(values[i] / scale)));
    to[1 + (i >> 2)] |= (q & 255) << (8 * (i & 3));
  }
  return true;
}

function quantise4(values: Float32Array, to: Uint32Array): boolean {
  let [least, most] = [Infinity, -Infinity];
  for (const value of values) [least, most] = [Math.min(least, value), Math.max(most, value)];
  const least16 = numberToF16(least);
  const from = f16ToNumber(least16);
  const scale16 = numberToF16(Math.max(0, most - from) / 15);
  const scale = f16ToNumber(scale16);
  if (!Number.isFinite(from) || !Number.isFinite(scale)) return false;
  to[0] = scale16 | (least16 << 16);
  for (let i = 0; i < values.length; i++) {
    const q = scale === 0 ? 0 : Math.max(0, Math.min(15, Math.round((values[i] - from) / scale)));
    to[1 + (i >> 3)] |= q << (4 * (i & 7));
  }
  return true;
}

function worst(values: Float32Array): number {
  return (
    values.find((value) => !Number.isFinite(value)) ?? values.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a))
  );
}

/** The values that groups stand for; what kernels compute with, to the last bit or its neighbour. */
export function dequantise(words: Uint32Array, kind: Quantised): Float32Array<ArrayBuffer> {
  const size = groupWords[kind];
  const out = new Float32Array((words.length / size) * QUANTISED_GROUP);
  for (let i = 0; i < out.length; i++) {
    const at = Math.floor(i / QUANTISED_GROUP) * size;
    const k = i % QUANTISED_GROUP;
    const scale = f16ToNumber(words[at] & 0xffff);
    if (kind === 'q8') out[i] = scale * ((words[at + 1 + (k >> 2)] << (24 - 8 * (k & 3))) >> 24);
    else out[i] = f16ToNumber(words[at] >>> 16) + scale * ((words[at + 1 + (k >> 3)] >>> (4 * (k & 7))) & 15);
  }
  return out;
}
