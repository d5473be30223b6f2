/** Element types as files store them, their widening to f32 and the way back. */
import { groupWords } from '../../../shaders/common.ts';
import { numberToF16 } from '../dtype.ts';
import { QUANTISED_GROUP, type Quantised, dequantise } from '../quantise.ts';

export type PlainDtype = 'F64' | 'F32' | 'F16' | 'BF16' | 'I64' | 'I32' | 'I16' | 'I8' | 'U8' | 'BOOL';
/** Q8 and Q4 are matrices whose rows are groups of 32 values, as `quantise` makes them. */
export type StoredDtype = PlainDtype | 'Q8' | 'Q4';

/** The quantised form of a stored dtype that is one. */
export const quantisedDtype = (dtype: StoredDtype): Quantised | undefined =>
  dtype === 'Q8' ? 'q8' : dtype === 'Q4' ? 'q4' : undefined;

const groupBytes = (kind: Quantised): number => (4 * groupWords[kind]) / QUANTISED_GROUP;

/** Bytes of one stored element; of a quantised one its share of the group. */
export const STORED_BYTES: Readonly<Record<PlainDtype, 1 | 2 | 4 | 8> & Record<'Q8' | 'Q4', number>> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
  Q8: groupBytes('q8'),
  Q4: groupBytes('q4'),
};

/**
 * Stored little-endian elements as f32: exact from F32, F16, BF16 and the small integers, rounded from the wider types. The bytes may
 * start anywhere; where F32 bytes are aligned the result is a view of them, otherwise new memory.
 */
export function toFloat32(bytes: Uint8Array, dtype: StoredDtype): Float32Array {
  const length = bytes.length / STORED_BYTES[dtype];
  const { buffer, byteOffset: at } = aligned(bytes, quantisedDtype(dtype) ? 4 : STORED_BYTES[dtype]);
  switch (dtype) {
    case 'F32':
      return new Float32Array(buffer, at, length);
    case 'BF16': {
      const bits = new Uint16Array(buffer, at, length);
      const out = new Uint32Array(length);
      for (let i = 0; i < length; i++) out[i] = bits[i] << 16;
      return new Float32Array(out.buffer);
    }
    case 'F16': {
      const bits = new Uint16Array(buffer, at, length);
      const out = new Uint32Array(length);
      const table = (halves ??= halfTable());
      for (let i = 0; i < length; i++) out[i] = table[bits[i]];
      return new Float32Array(out.buffer);
    }
    case 'F64':
      return new Float32Array(new Float64Array(buffer, at, length));
    case 'I64': {
      const words = new Int32Array(buffer, at, length * 2);
      const out = new Float32Array(length);
      for (let i = 0; i < length; i++) out[i] = words[2 * i + 1] * 2 ** 32 + (words[2 * i] >>> 0);
      return out;
    }
    case 'I32':
      return new Float32Array(new Int32Array(buffer, at, length));
    case 'I16':
      return new Float32Array(new Int16Array(buffer, at, length));
    case 'I8':
      return new Float32Array(new Int8Array(buffer, at, length));
    case 'U8':
    case 'BOOL':
      return new Float32Array(bytes);
    case 'Q8':
    case 'Q4':
      return dequantise(new Uint32Array(buffer, at, bytes.length / 4), quantisedDtype(dtype)!);
  }
}

/** The nearest F16 or BF16 of finite values, ties to even, little endian. Beyond 65504 F16 becomes infinity. */
export function fromFloat32(values: Float32Array, dtype: 'F16' | 'BF16'): Uint8Array<ArrayBuffer> {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  if (dtype === 'BF16')
    for (let i = 0; i < bits.length; i++) out[i] = (bits[i] + 0x7fff + ((bits[i] >>> 16) & 1)) >>> 16;
  else
    for (let i = 0; i < bits.length; i++) {
      const magnitude = bits[i] & 0x7fffffff;
      out[i] =
        magnitude >= 0x38800000 && magnitude < 0x477ff000
          ? ((bits[i] >>> 16) & 0x8000) | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13)
          : numberToF16(values[i]);
    }
  return new Uint8Array(out.buffer);
}

/** Place of the first value among stored floats that is infinite or no number; -1 where there is none, or where they are no floats. */
export function firstNotFinite(bytes: Uint8Array, dtype: StoredDtype): number {
  if (dtype === 'BF16' || dtype === 'F16') {
    const exponent = dtype === 'BF16' ? 0x7f80 : 0x7c00;
    const { buffer, byteOffset, byteLength } = aligned(bytes, 2);
    const bits = new Uint16Array(buffer, byteOffset, byteLength / 2);
    for (let i = 0; i < bits.length; i++) if ((bits[i] & exponent) === exponent) return i;
    return -1;
  }
  if (dtype !== 'F32' && dtype !== 'F64') return -1;
  const { buffer, byteOffset, byteLength } = aligned(bytes, STORED_BYTES[dtype]);
  const words = new Uint32Array(buffer, byteOffset, byteLength / 4);
  const [step, exponent] = dtype === 'F32' ? [1, 0x7f800000] : [2, 0x7ff00000];
  for (let i = step - 1; i < words.length; i += step) if ((words[i] & exponent) === exponent) return (i / step) | 0;
  return -1;
}

/** The same bytes at a multiple of `size`: a copy only where they are not. */
export function aligned(bytes: Uint8Array, size: number): Uint8Array {
  return bytes.byteOffset % size === 0 ? bytes : bytes.slice();
}

let halves: Uint32Array | undefined;

/** The f32 bits of every half. */
function halfTable(): Uint32Array {
  const table = new Uint32Array(65536);
  const scratch = new Float32Array(1);
  const bits = new Uint32Array(scratch.buffer);
  for (let half = 0; half < 65536; half++) {
    const sign = (half & 0x8000) << 16;
    const exponent = (half >> 10) & 31;
    const mantissa = half & 1023;
    if (exponent === 31) table[half] = sign | 0x7f800000 | (mantissa << 13);
    else if (exponent) table[half] = sign | ((exponent + 112) << 23) | (mantissa << 13);
    else {
      scratch[0] = mantissa * 2 ** -24;
      table[half] = sign | bits[0];
    }
  }
  return table;
}
