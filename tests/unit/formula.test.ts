/** The formula that makes weights of any size, against the recorded check values. */
import { describe, expect, test } from 'vitest';
import { bf16ToNumber } from '../../src/engine/index.ts';
import { formulaFile, formulaUnit, formulaValues } from '../support/formula.ts';
import { goldenPath, readJson } from '../support/golden.ts';

interface Check {
  readonly name: string;
  readonly shape: number[];
  readonly first: number[];
  readonly last: number[];
}
const checks = readJson(goldenPath('full/formula.json')) as Check[];
const numbers = (bits: Uint16Array) => Array.from(bits, bf16ToNumber);
const elements = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

describe('formula-made weights', () => {
  test.each(checks)('$name $shape', ({ name, shape, first, last }) => {
    expect(checks.length).toBeGreaterThanOrEqual(7);
    const tensor = { name, shape };
    expect(numbers(formulaValues(tensor, 0, first.length))).toEqual(first);
    expect(numbers(formulaValues(tensor, elements(shape) - last.length, last.length))).toEqual(last);
  });

  test('rows read alone are those of the whole, across the blocks they are made in', async () => {
    const file = formulaFile([{ name: 'vae.decoder.conv_in.weight', shape: [512, 16, 3, 3] }]);
    const all = await file.read('vae.decoder.conv_in.weight');
    expect(all.byteLength).toBe(512 * 144 * 2);
    const some = await file.read('vae.decoder.conv_in.weight', { rows: [100, 200] });
    expect(Buffer.compare(some, all.slice(100 * 288, 300 * 288))).toBe(0);
    const bare = formulaValues({ name: 'decoder.conv_in.weight', shape: [512, 16, 3, 3] }, 0, 512 * 144);
    expect(Buffer.compare(all, new Uint8Array(bare.buffer))).toBe(0);
  });

  test('the unit values are the bits before range and rounding', () => {
    const value = formulaUnit('mar.z_proj.bias', 2);
    expect(Math.abs(0.02 * (2 * value - 1) - checks.find((c) => c.name === 'mar.z_proj.bias')!.first[2])).toBeLessThan(
      1e-4,
    );
  });
});
