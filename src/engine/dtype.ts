/** Element types of tensors on the GPU, and their exact widening to f32. */
export type Dtype = 'f32' | 'f16' | 'bf16' | 'u32' | 'i32';

/** Bytes of one element. */
export function bytesOf(dtype: Dtype): number {
  return dtype === 'f16' || dtype === 'bf16' ? 2 : 4;
}

const scratch = new DataView(new ArrayBuffer(4));

/** IEEE half, as its 16 bits, to a number; exact. */
export function f16ToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const mantissa = bits & 1023;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  if (exponent === 31) return mantissa ? NaN : sign * Infinity;
  return sign * (1024 + mantissa) * 2 ** (exponent - 25);
}

/** Number to the 16 bits of the nearest IEEE half (ties to even); beyond 65504 it becomes infinity. */
export function numberToF16(value: number): number {
  scratch.setFloat32(0, value);
  const bits = scratch.getUint32(0);
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude < 0x38800000) {
    // below 2^-14: count in units of 2^-24
    const units = Math.abs(Math.fround(value)) * 2 ** 24;
    const low = Math.floor(units);
    const rest = units - low;
    return sign | (rest > 0.5 || (rest === 0.5 && low & 1) ? low + 1 : low);
  }
  return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
}

/** Number to the 16 bits of the nearest bfloat16 (ties to even). */
export function numberToBf16(value: number): number {
  scratch.setFloat32(0, value);
  const bits = scratch.getUint32(0);
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

/** bfloat16, as its 16 bits, to a number; exact. */
export function bf16ToNumber(bits: number): number {
  scratch.setUint32(0, bits << 16);
  return scratch.getFloat32(0);
}
