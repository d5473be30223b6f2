/** What quantised groups stand for, and how far that is from the values they were made of. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FileError, type Quantised, dequantise, f16ToNumber, quantise } from '../../src/engine/index.ts';

const group = (at: (i: number) => number) => Float32Array.from({ length: 32 }, (_, i) => at(i));
const there = (values: Float32Array, kind: Quantised) => dequantise(quantise('w', values, kind), kind);

describe('q8', () => {
  test('nine words: a half, then four values a word from the lowest bits on', () => {
    const words = quantise(
      'w',
      group((i) => (i - 16) * 8),
      'q8',
    );
    expect(words).toHaveLength(9);
    const scale = f16ToNumber(words[0]);
    expect(words[0] >>> 16).toBe(0);
    expect(scale).toBeCloseTo(128 / 127, 3);
    const bytes = new Int8Array(words.buffer, 4);
    expect([...bytes]).toEqual([...group((i) => Math.max(-127, Math.round(((i - 16) * 8) / scale)))]);
  });

  test('is off by half a step at most', () => {
    fc.assert(
      fc.property(fc.float32Array({ minLength: 32, maxLength: 32, noNaN: true, min: -1e4, max: 1e4 }), (values) => {
        const step = Math.max(...values.map(Math.abs)) / 127;
        const off = there(values, 'q8').map((v, i) => Math.abs(v - values[i]));
        // the scale itself is rounded to a half: 2^-11 of it, 127 times, or the smallest half
        return Math.max(...off) <= step * (0.5 + 127 * 2 ** -11) + 127 * 2 ** -24;
      }),
    );
  });
});

describe('q4', () => {
  test('five words: scale and least value as halves, then eight values a word', () => {
    const words = quantise(
      'w',
      group((i) => 2 + (i % 16) / 4),
      'q4',
    );
    expect(words).toHaveLength(5);
    expect([f16ToNumber(words[0] & 0xffff), f16ToNumber(words[0] >>> 16)]).toEqual([0.25, 2]);
    expect([...words.slice(1)]).toEqual([0x76543210, 0xfedcba98, 0x76543210, 0xfedcba98]);
  });

  test('is off by half a step at most', () => {
    fc.assert(
      fc.property(fc.float32Array({ minLength: 32, maxLength: 32, noNaN: true, min: -1e4, max: 1e4 }), (values) => {
        const [least, most] = [Math.min(...values), Math.max(...values)];
        const step = (most - least) / 15;
        const rounding = 2 ** -10 * (Math.abs(least) + Math.abs(most)) + 2 ** -20;
        const off = there(values, 'q4').map((v, i) => Math.abs(v - values[i]));
        return Math.max(...off) <= step * 0.5 + rounding;
      }),
    );
  });
});

describe.each(['q8', 'q4'] as const)('%s', (kind) => {
  test('zeros stay zeros, equal values stay equal', () => {
    expect(
      there(
        group(() => 0),
        kind,
      ),
    ).toEqual(group(() => 0));
    expect(
      new Set(
        there(
          group(() => 0.3),
          kind,
        ),
      ).size,
    ).toBe(1);
  });

  test.each([NaN, Infinity, -1e8])('%s is refused by name', (bad) => {
    const values = group((i) => (i === 7 ? bad : 1));
    expect(() => quantise('llm.layer.weight', values, kind)).toThrow(FileError);
    expect(() => quantise('llm.layer.weight', values, kind)).toThrow('llm.layer.weight must hold finite numbers');
  });
});
