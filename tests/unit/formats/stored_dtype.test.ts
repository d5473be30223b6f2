/** Widening stored elements to f32: every 16-bit value, every alignment, and the integers. */
import { expect, test } from 'vitest';
import { bf16ToNumber, f16ToNumber } from '../../../src/engine/dtype.ts';
import { toFloat32 } from '../../../src/engine/formats/stored_dtype.ts';

const at = (offset: number, from: ArrayBufferView): Uint8Array => {
  const bytes = new Uint8Array(from.byteLength + 8);
  bytes.set(new Uint8Array(from.buffer, from.byteOffset, from.byteLength), offset);
  return bytes.subarray(offset, offset + from.byteLength);
};

test('every half and every bfloat16 is exact', () => {
  const all = Uint16Array.from({ length: 65536 }, (_, i) => i);
  const halves = toFloat32(at(1, all), 'F16');
  const brains = toFloat32(at(3, all), 'BF16');
  for (let i = 0; i < 65536; i++) {
    if (!Object.is(halves[i], f16ToNumber(i))) expect([i, halves[i]]).toEqual([i, f16ToNumber(i)]);
    if (!Object.is(brains[i], bf16ToNumber(i))) expect([i, brains[i]]).toEqual([i, bf16ToNumber(i)]);
  }
  expect(halves.length + brains.length).toBe(131072);
});

test.each([0, 1, 2, 3, 4, 5, 6, 7])('all types at %i past a multiple of 8', (offset) => {
  const f32 = [1.5, -0, 3e38, 1e-45, Infinity];
  expect([...toFloat32(at(offset, Float32Array.from(f32)), 'F32')]).toEqual(f32.map(Math.fround));
  expect([...toFloat32(at(offset, Float64Array.of(0.1, -1e300)), 'F64')]).toEqual([Math.fround(0.1), -Infinity]);
  expect([...toFloat32(at(offset, BigInt64Array.of(-1n, -(1n << 62n), 5n, (1n << 33n) + 1n)), 'I64')]).toEqual(
    [-1, -(2 ** 62), 5, 2 ** 33].map(Math.fround),
  );
  expect([...toFloat32(at(offset, Int32Array.of(-7, 2 ** 30)), 'I32')]).toEqual([-7, 2 ** 30]);
  expect([...toFloat32(at(offset, Int16Array.of(-7, 32767)), 'I16')]).toEqual([-7, 32767]);
  expect([...toFloat32(at(offset, Int8Array.of(-7, 127)), 'I8')]).toEqual([-7, 127]);
  expect([...toFloat32(at(offset, Uint8Array.of(0, 255)), 'U8')]).toEqual([0, 255]);
  expect([...toFloat32(at(offset, Uint8Array.of(0, 1)), 'BOOL')]).toEqual([0, 1]);
});
