import { describe, expect, it } from 'vitest';
import { ArgumentError } from '../../../src/engine/index.ts';
import { below, checkNoise, checkOrder, drawOrders, philox4x32, recorded, seeded } from '../../../src/harmon/random.ts';
import { goldenPath, readSafetensors } from '../../support/golden.ts';
import { numbersOf } from '../../support/safetensors.ts';

const hex = (words: readonly number[]) => words.map((w) => w.toString(16).padStart(8, '0')).join(' ');

describe('philox4x32', () => {
  // The known answers that its authors publish for 10 rounds (Random123, kat_vectors).
  const all = 0xffffffff;
  it.each([
    [[0, 0, 0, 0], [0, 0], '6627e8d5 e169c58d bc57ac4c 9b00dbd8'],
    [[all, all, all, all], [all, all], '408f276d 41c83b0e a20bc7c6 6d5451fd'],
    [[0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0], 'd16cfe09 94fdcceb 5001e420 24126ea1'],
  ] as [[number, number, number, number], [number, number], string][])(
    'of %j with key %j',
    (counter, key, expected) => {
      expect(hex(philox4x32(counter, key))).toBe(expected);
    },
  );
});

describe('below', () => {
  it('throws away the words that would favour small numbers', () => {
    // 2^32 = 3·1431655765 + 1: the last word has no full run of three.
    const words = [0xffffffff, 0xfffffffe];
    expect(below(3, () => words.shift() as number)).toBe(2);
    expect(words).toEqual([]);
    expect(below(4, () => 0xffffffff)).toBe(3);
  });
});

describe('drawOrders', () => {
  const tokens = Uint32Array.of(2, 3, 5, 7, 11);

  it('orders the tokens that are made, and no other', () => {
    const orders = drawOrders(seeded(3), 2, tokens);
    for (const [p, order] of orders.entries()) {
      expect(Array.from(order).sort((a, b) => a - b)).toEqual(Array.from(tokens));
      expect(Array.from(order, (token) => tokens.indexOf(token))).toEqual(Array.from(seeded(3).order(p, 5)));
    }
  });

  it('makes the first of them where fewer are asked for, others for another picture', () => {
    const all = drawOrders(seeded(3), 8, tokens);
    const few = drawOrders(seeded(3), 8, tokens, 2);
    few.forEach((order, p) => expect(order).toEqual(all[p].slice(0, 2)));
    expect(new Set(few.map((order) => Array.from(order).sort().join())).size).toBeGreaterThan(2);
    expect(drawOrders(seeded(4), 1, tokens, 2)[0]).toEqual(few[1]);
  });

  it('refuses what is no permutation of them', () => {
    expect(() => drawOrders({ order: () => tokens }, 1, tokens)).toThrow('must have each of 0 … 4 once but has 5');
    expect(() => drawOrders({ order: () => tokens.slice(1) }, 1, tokens)).toThrow('must order 5 tokens but has 4');
  });
});

describe('seeded', () => {
  it('orders by a permutation, another one for another seed', () => {
    const order = seeded(7).order(0, 1024);
    expect(Array.from(order).sort((a, b) => a - b)).toEqual(Array.from({ length: 1024 }, (_, i) => i));
    expect(order).toEqual(seeded(7).order(0, 1024));
    expect(order).not.toEqual(seeded(8).order(0, 1024));
    expect(Array.from(seeded(7).order(0, 1))).toEqual([0]);
  });

  it('shuffles without bias', () => {
    const places = 5;
    const runs = 20000;
    const seen = Array.from({ length: places }, () => new Uint32Array(places));
    for (let s = 0; s < runs; s++)
      seeded(s)
        .order(0, places)
        .forEach((value, at) => seen[at][value]++);
    // Each cell is binomial with mean 4000 and deviation 57.
    for (const row of seen) for (const n of row) expect(Math.abs(n - runs / places)).toBeLessThan(5 * 57);
  });

  it('gives picture i of seed s what picture 0 of seed s + i gets', () => {
    const [batch, alone] = [seeded(40), seeded(42)];
    expect(batch.order(2, 64)).toEqual(alone.order(0, 64));
    expect(batch.noise(2, 3, 10, 4)).toEqual(alone.noise(0, 3, 10, 4));
  });

  it('does not depend on what was drawn before', () => {
    const random = seeded(1);
    const first = random.noise(0, 5, 4, 2);
    random.order(1, 99);
    random.noise(1, 5, 4, 2);
    expect(random.noise(0, 5, 4, 2)).toEqual(first);
  });

  it('draws other values for every iteration, picture and purpose', () => {
    const random = seeded(2 ** 40);
    const first = [
      random.noise(0, 0, 2, 1),
      random.noise(0, 1, 2, 1),
      random.noise(1, 0, 2, 1),
      seeded(0).noise(0, 0, 2, 1),
    ];
    expect(new Set(first.map((values) => values[0])).size).toBe(4);
  });

  it('draws standard normal values', () => {
    const values = seeded(3).noise(0, 0, 50, 250); // 200,000
    const n = values.length;
    const moment = (k: number) => values.reduce((sum, x) => sum + x ** k, 0) / n;
    expect(Math.abs(moment(1))).toBeLessThan(5 / Math.sqrt(n));
    expect(Math.abs(moment(2) - 1)).toBeLessThan(5 * Math.sqrt(2 / n));
    expect(Math.abs(moment(3))).toBeLessThan(5 * Math.sqrt(15 / n));
    expect(Math.abs(moment(4) - 3)).toBeLessThan(5 * Math.sqrt(96 / n));
    const within = values.reduce((sum, x) => sum + (Math.abs(x) < 1 ? 1 : 0), 0) / n;
    expect(within).toBeCloseTo(0.6827, 2);
  });

  it.each([-1, 0.5, NaN, 2 ** 53])('refuses the seed %f', (seed) => {
    expect(() => seeded(seed)).toThrow(ArgumentError);
  });

  it('refuses a picture whose seed would pass 2^53', () => {
    const random = seeded(Number.MAX_SAFE_INTEGER);
    expect(random.order(0, 2).length).toBe(2);
    expect(() => random.order(1, 2)).toThrow('[seed] must leave room for picture 1');
  });
});

describe('seeded, told of all pictures', () => {
  it('refuses a seed without room for the last of them', () => {
    expect(() => seeded(Number.MAX_SAFE_INTEGER - 1, 2)).not.toThrow();
    const late = () => seeded(Number.MAX_SAFE_INTEGER - 1, 3);
    expect(late).toThrow(ArgumentError);
    expect(late).toThrow('[seed] must leave room for picture 2 below 2^53 but is 9007199254740990: take a smaller one');
  });
});

describe('what a source of randomness gives', () => {
  it.each([
    [[0, 1], 'must order 3 tokens but has 2'],
    [[0, 1, 2, 3], 'must order 3 tokens but has 4'],
    [[0, 1, 1], 'must have each of 0 … 2 once but has 1 twice'],
    [[0, 1, 3], 'must have each of 0 … 2 once but has 3'],
    [[0, -1, 2], 'must have each of 0 … 2 once but has -1'],
    [[0, NaN, 2], 'must have each of 0 … 2 once but has NaN'],
    [['0', 1, 2], 'must have each of 0 … 2 once but has 0'],
    [undefined, 'must be a list of numbers but is undefined'],
    [null, 'must be a list of numbers but is null'],
  ])('is no order: %j', (order, sentence) => {
    const check = () => checkOrder(order as number[], 3);
    expect(check).toThrow(ArgumentError);
    expect(check).toThrow(`[randomness] an order ${sentence}`);
  });

  it('is an order', () => {
    expect(Array.from(checkOrder(Uint32Array.from([2, 0, 1]), 3))).toEqual([2, 0, 1]);
    expect(checkOrder([1, 0], 2)).toEqual(Uint32Array.from([1, 0]));
  });

  it('is noise of the asked length', () => {
    const noise = new Float32Array(32);
    expect(checkNoise(noise, 2, 1)).toBe(noise);
    expect(() => checkNoise(noise, 2, 2)).toThrow(
      '[randomness] noise must be a Float32Array of 2 steps of 2 rows of 16, 64 values, but has 32',
    );
    expect(() => checkNoise([] as unknown as Float32Array, 1, 1)).toThrow(ArgumentError);
  });
});

describe('recorded', () => {
  const file = readSafetensors(goldenPath('text2image_batch.safetensors'));
  const all = numbersOf(file.get('order'));
  const order = [0, 1].map((b) => Uint32Array.from(all.slice(b * 64, (b + 1) * 64)));
  const noise = [0, 1, 2, 3, 4].map((k) => file.get(`noise.${k}`)?.data as Float32Array);
  const random = recorded({ order, noise });

  it('replays each picture of a batch', () => {
    expect(random.order(1, 64)).toEqual(order[1]);
    const second = random.noise(1, 1, 50, 9); // recorded as [50, 18, 16]
    expect(second.length).toBe(50 * 9 * 16);
    expect(second.slice(0, 16)).toEqual(noise[1].slice(9 * 16, 10 * 16));
    expect(second.slice(-16)).toEqual(noise[1].slice(-16));
  });

  it('refuses an order that is no permutation', () => {
    const twice = recorded({ order: [Uint32Array.from([0, 1, 1])], noise: [] });
    expect(() => twice.order(0, 3)).toThrow(ArgumentError);
    expect(() => twice.order(0, 3)).toThrow('[randomness] an order must have each of 0 … 2 once but has 1 twice');
  });

  it.each([
    [() => random.order(2, 64), 'has 2 pictures, number 2 was asked for'],
    [() => random.order(0, 63), 'orders 64 tokens of picture 0 but 63 were asked for'],
    [() => random.noise(0, 5, 50, 9), 'has 5 iterations, number 5 was asked for'],
    [() => random.noise(0, 1, 49, 9), 'but 49 steps of 2×9 rows of 16 were asked for'],
    [() => random.noise(0, 1, 50, 8), 'but 50 steps of 2×8 rows of 16 were asked for'],
  ])('refuses what it has not recorded (%#)', (ask, sentence) => {
    expect(ask).toThrow(ArgumentError);
    expect(ask).toThrow(sentence);
  });
});
