/** Element types as files store them, and their widening to f32. */

export type StoredDtype = 'F64' | 'F32' | 'F16' | 'BF16' | 'I64' | 'I32' | 'I16' | 'I8' | 'U8' | 'BOOL';

/** Bytes of one stored element. */
export const STORED_BYTES: Readonly<Record<StoredDtype, 1 | 2 | 4 | 8>> = {
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
};

/**
 * Stored little-endian elements as f32: exact from F32, F16, BF16 and the small integers, rounded from the wider types. The bytes may
 * start anywhere; where F32 bytes are aligned the result is a view of them, otherwise new memory.
 */
export function toFloat32(bytes: Uint8Array, dtype: StoredDtype): Float32Array {
  const length = bytes.length / STORED_BYTES[dtype];
  const { buffer, byteOffset: at } = aligned(bytes, STORED_BYTES[dtype]);
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
  }
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
