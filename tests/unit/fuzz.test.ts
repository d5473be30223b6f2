/** A sample of the fuzzer's inputs, and every input that it has found a fault with: each is read or refused, at a bounded cost. */
import { readFileSync, readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { attempt, inputOf } from '../fuzz/attempt.ts';
import { TARGETS, targetOf } from '../fuzz/targets.ts';

const SEED = 20240613;
const KEPT = new URL('../corpus/fuzz/', import.meta.url);

test('every hundred inputs has each target by its share', () => {
  expect(TARGETS.reduce((sum, { share }) => sum + share, 0)).toBe(100);
  const drawn = Array.from({ length: 100 }, (_, index) => targetOf(TARGETS, index).name);
  for (const { name, share } of TARGETS) expect(drawn.filter((other) => other === name).length, name).toBe(share);
});

test.each(TARGETS)('$name: inputs are read or refused', { timeout: 30_000 }, async (target) => {
  const outcomes = { read: 0, refused: 0, failed: 0 };
  for (let index = 0; index < 40 * target.share; index++) {
    const { outcome, why } = await attempt(target, inputOf(target, SEED, index));
    expect(why, `input ${index} of seed ${SEED}`).toBeUndefined();
    outcomes[outcome]++;
  }
  expect(Math.min(outcomes.read, outcomes.refused), JSON.stringify(outcomes)).toBeGreaterThan(0);
});

test('what once failed is read or refused', async () => {
  const kept = readdirSync(KEPT);
  expect(kept.length).toBeGreaterThan(2);
  for (const name of kept) {
    const target = TARGETS.find((one) => one.name === name.split('.')[0])!;
    expect((await attempt(target, new Uint8Array(readFileSync(new URL(name, KEPT))))).why, name).toBeUndefined();
  }
});
