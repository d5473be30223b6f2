import { describe, expect, it } from 'vitest';
import { ArgumentError } from '../../../src/engine/index.ts';
import { diffusionSchedule, maskedLoop } from '../../../src/harmon/schedule.ts';
import { goldenPath, readJson } from '../../support/golden.ts';

const counts = (text: string) => text.trim().split(/\s+/).map(Number);

// The published defaults: 64 iterations at 512 and at 256 pixels.
const MASKED_1024 = counts(`
  1024 1023 1022 1021 1019 1016 1012 1008 1004 999 993 986 979 972 964 955 946 936 925 914 903 890 878 865 851 837 822 807 791
  775 758 741 724 706 687 668 649 629 609 589 568 547 526 504 482 460 437 414 391 368 344 321 297 273 248 224 199 175 150 125
  100 75 50 25`);
const MASKED_256 = counts(`
  256 255 254 253 252 251 250 249 248 247 246 245 244 243 241 238 236 234 231 228 225 222 219 216 212 209 205 201 197 193 189
  185 181 176 171 167 162 157 152 147 142 136 131 126 120 115 109 103 97 92 86 80 74 68 62 56 49 43 37 31 25 18 12 6`);
const TIMESTEPS_100 = counts(`
  0 10 20 30 40 50 61 71 81 91 101 111 121 131 141 151 161 172 182 192 202 212 222 232 242 252 262 272 283 293 303 313 323 333
  343 353 363 373 383 394 404 414 424 434 444 454 464 474 484 494 505 515 525 535 545 555 565 575 585 595 605 616 626 636 646
  656 666 676 686 696 706 716 727 737 747 757 767 777 787 797 807 817 827 838 848 858 868 878 888 898 908 918 928 938 949 959
  969 979 989 999`);

describe('maskedLoop', () => {
  it.each([
    [1024, MASKED_1024],
    [256, MASKED_256],
  ])('masks %i tokens as published', (tokens, masked) => {
    const loop = maskedLoop(tokens, 64, 3);
    expect(loop.map((k) => k.masked)).toEqual(masked);
    expect(loop.map((k) => k.remaining)).toEqual([...masked.slice(1), 0]);
    expect(loop.reduce((sum, k) => sum + k.predicted, 0)).toBe(tokens);
    expect(loop.reduce((sum, k) => sum + tokens - k.masked, 0)).toBe(tokens === 1024 ? 23336 : 5879);
  });

  it.each(['text2image', 'text2image_batch', 'text2image_large', 'text2image_plain', 'text2image_100'])(
    'predicts the rows of the recording %s',
    (name) => {
      const ask = readJson(goldenPath(`${name}.json`)) as {
        rows: number[];
        prompts: string[];
        image_size: number;
        iterations: number;
        guidance: number;
      };
      const loop = maskedLoop((ask.image_size / 16) ** 2, ask.iterations, ask.guidance);
      const branches = ask.guidance === 1 ? 1 : 2;
      expect(loop.map((k) => k.predicted * branches * ask.prompts.length)).toEqual(ask.rows);
    },
  );

  it('guides constantly, or more and more from near 1 to near the weight', () => {
    expect(maskedLoop(64, 5, 2.5).map((k) => k.guidance)).toEqual([2.5, 2.5, 2.5, 2.5, 2.5]);
    const linear = maskedLoop(64, 5, 2, 'linear');
    // After the iterations 60, 51, 37, 19 and, before the last is set to 0, 1 are masked.
    expect(linear.map((k) => k.guidance)).toEqual([4, 13, 27, 45, 63].map((made) => 1 + made / 64));
  });

  it('predicts in every iteration up to one for each token', () => {
    for (const [tokens, iterations] of [
      [1, 1],
      [4, 4],
      [64, 63],
      [64, 64],
      [100, 1],
      [100, 99],
    ])
      expect(maskedLoop(tokens, iterations, 1).every((k) => k.predicted >= 1)).toBe(true);
  });

  it.each([
    [64, 65, 3, '[iterations] the number of iterations must be from 1 to 64, the number of tokens to make, but is 65'],
    [64, 0, 3, 'but is 0'],
    [64, 1.5, 3, 'but is 1.5'],
    [0, 1, 3, '[iterations] the masked tokens must be a positive whole number but are 0'],
    [64, 4, NaN, '[guidance] must be a finite number but is NaN'],
  ])('refuses %f tokens in %f iterations with guidance %f', (tokens, iterations, guidance, sentence) => {
    const make = () => maskedLoop(tokens, iterations, guidance);
    expect(make).toThrow(ArgumentError);
    expect(make).toThrow(sentence);
  });
});

describe('diffusionSchedule', () => {
  it('visits the published timesteps', () => {
    expect(diffusionSchedule(100).timesteps).toEqual(TIMESTEPS_100);
  });

  it.each([
    [99, 999, 20291.16992, 20291.16992, 0.015583721, 0.0031616364, -2.52885e-4, -1.00009e-5],
    [98, 989, 64.16888428, 64.16109467, 0.0233767629, 0.4996964037, -0.2884918, -0.287763],
    [50, 505, 1.436665177, 1.031507015, 0.0469491556, 0.9500863552, -3.4101751, -3.3763573],
    [1, 10, 1.000360727, 0.0268629212, 0.9427674413, 0.0572325699, -10.1539449, -7.293653],
    [0, 0, 1.000020623, 0.0064254128, 1, 0, -10.1539449, -10.0950298],
  ])('has the published coefficients at index %i', (i, t, ...values) => {
    const s = diffusionSchedule(100);
    expect(s.timesteps[i]).toBe(t);
    const ours = [s.signal, s.noise, s.fromStart, s.fromNow, s.logVarianceMin, s.logVarianceMax].map(
      (column) => column[i],
    );
    // As far as the published digits go: 6 to 10 digits.
    ours.forEach((value, k) =>
      expect(Math.abs(value - values[k])).toBeLessThanOrEqual(5e-6 * Math.abs(values[k]) + 1e-12),
    );
  });

  it('keeps the mean of an exact start where it is', () => {
    // With e = 0 and x = x0/signal, fromStart·x0 + fromNow·x must be x0 scaled to the step before.
    const s = diffusionSchedule(50);
    for (let i = 1; i < 50; i++)
      expect(s.fromStart[i] + s.fromNow[i] / s.signal[i]).toBeCloseTo(1 / s.signal[i - 1], 10);
  });

  it('rounds halves to even, as Python does', () => {
    expect(diffusionSchedule(3).timesteps).toEqual([0, 500, 999]); // 499.5
    expect(diffusionSchedule(7).timesteps).toEqual([0, 166, 333, 500, 666, 832, 999]); // 166.5, 499.5, 832.5
    expect(diffusionSchedule(2).timesteps).toEqual([0, 999]);
  });

  it.each([1, 0, 1001, 2.5, NaN])('refuses %f timesteps', (steps) => {
    expect(() => diffusionSchedule(steps)).toThrow('[timesteps] must be a whole number from 2 to 1000');
  });
});
