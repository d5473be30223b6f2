/** Settings from anywhere are usable settings. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BOUNDS, settingsFrom, settle, sizePresets, smallerThan, tokensOf } from '../../../web/app/logic/settings.ts';
import { base, settings } from './support.ts';

describe('settings from elsewhere', () => {
  it('keep what is usable', () => {
    const whole = settings({ guidance: 2.5, guidanceSchedule: 'linear', count: 4, width: 256, height: 64 });
    expect(settingsFrom({ ...whole }, base)).toEqual(whole);
  });

  it.each([
    ['seed', -1, undefined],
    ['seed', 1.5, undefined],
    ['seed', '7', undefined],
    ['iterations', 0, base.iterations],
    ['iterations', 1e9, 64],
    ['guidance', NaN, base.guidance],
    ['guidance', 5000, base.guidance],
    ['guidanceSchedule', 'cosine', 'constant'],
    ['temperature', '1', base.temperature],
    ['timesteps', 1, base.timesteps],
    ['count', 99, 16],
    ['width', 130, 128],
    ['width', 1e9, 4096],
    ['height', -5, 16],
    ['prompt', 5, ''],
  ] as const)('of %s %j is %j', (key, given, expected) => {
    expect(settingsFrom({ [key]: given }, base)[key]).toEqual(expected);
  });

  it('are within their bounds, whatever comes', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...Object.keys(base)), fc.anything()), (given) => {
        const made = settingsFrom(given, base);
        for (const key of ['iterations', 'guidance', 'temperature', 'timesteps', 'count'] as const) {
          expect(made[key]).toBeGreaterThanOrEqual(BOUNDS[key][0]);
          expect(made[key]).toBeLessThanOrEqual(BOUNDS[key][1]);
        }
        expect([made.width % 16, made.height % 16]).toEqual([0, 0]);
        expect(made.iterations).toBeLessThanOrEqual(tokensOf(made.width, made.height));
        expect(settingsFrom({ ...made }, base)).toEqual(made);
      }),
    );
  });
});

it('a seed that is set stays, another is drawn', () => {
  expect(settle(settings({ seed: 0 }), () => 5).seed).toBe(0);
  expect(settle({ ...base, seed: undefined }, () => 5).seed).toBe(5);
});

it('presets of sizes are multiples of 16 of about the same area', () => {
  for (const side of [128, 512]) {
    const presets = sizePresets(side);
    for (const { width, height } of presets) expect([width % 16, height % 16]).toEqual([0, 0]);
    for (const { width, height } of presets.slice(0, 5)) {
      expect((width * height) / side ** 2).toBeGreaterThan(0.75);
      expect((width * height) / side ** 2).toBeLessThan(1.3);
    }
  }
});

describe('the next smaller work', () => {
  it.each([
    [{ count: 3, width: 128, height: 128 }, { count: 2 }],
    [
      { count: 1, width: 128, height: 112 },
      { width: 64, height: 48 },
    ],
    [
      { count: 1, width: 16, height: 32 },
      { width: 16, height: 16 },
    ],
    [{ count: 1, width: 16, height: 16 }, undefined],
  ])('than %o', (given, expected) => expect(smallerThan(settings(given))).toEqual(expected));
});
