/** Seeded randomness for inputs that must come back from their seed and number. */

export interface Random {
  /** A whole number from 0 to `count` − 1. */
  below(count: number): number;
  /** Whether something of this probability happens. */
  chance(probability: number): boolean;
  pick<T>(from: readonly T[]): T;
}

/** The numbers of input `index` under `seed`. */
export function randomOf(seed: number, index: number): Random {
  let state = (Math.imul(seed, 0x85ebca6b) ^ Math.imul(index + 1, 0xc2b2ae35)) >>> 0;
  const next = (): number => {
    state = (state + 0x9e3779b9) >>> 0;
    let x = state;
    x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
    x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
    return (x ^ (x >>> 15)) >>> 0;
  };
  const below = (count: number): number => next() % count;
  return { below, chance: (p) => next() < p * 2 ** 32, pick: (from) => from[below(from.length)] };
}
