/**
 * All randomness of making pictures, behind one interface. `seeded` is a counter-based generator (Philox 4x32-10, Salmon et al.,
 * "Parallel random numbers: as easy as 1, 2, 3", SC11): every value is a function of seed, picture, iteration and place, so a
 * picture does not depend on what else is in its batch or on what was drawn before. `recorded` replays a recording.
 */
import { ArgumentError } from '../engine/index.ts';
import { shown } from './options.ts';

/** Values of one token, the last axis of the noise. */
const TOKEN_DIM = 16;

export interface Randomness {
  /**
   * A permutation of 0 … count−1 for `picture`: its first M entries are the masked ones. `count` are all tokens, or in an edit those that may be
   * made anew, ascending.
   */
  order(picture: number, count: number): Uint32Array;
  /**
   * Standard normal values [steps, rows, 16] of one iteration: entry 0 is the start, entry j the noise added after the j-th update.
   * `rows` are the tokens that `picture` predicts in this iteration.
   */
  noise(picture: number, iteration: number, steps: number, rows: number): Float32Array;
}

/**
 * What a source of randomness gave as an order of `count` tokens, as Uint32Array.
 * @throws ArgumentError unless it is a permutation of 0 … count−1.
 */
export function checkOrder(order: ArrayLike<number>, count: number): Uint32Array {
  const refuse = (sentence: string): never => {
    throw new ArgumentError(`[randomness] an order ${sentence}`);
  };
  if (typeof order !== 'object' || order === null) refuse(`must be a list of numbers but is ${String(order)}`);
  if (order.length !== count) refuse(`must order ${count} tokens but has ${order.length}`);
  const seen = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const token = order[i];
    const known = Number.isInteger(token) && token >= 0 && token < count;
    if (!known || seen[token])
      refuse(`must have each of 0 … ${count - 1} once but has ${String(token)}${known ? ' twice' : ''}`);
    seen[token] = 1;
  }
  return order instanceof Uint32Array ? order : Uint32Array.from(order);
}

/**
 * For each of `pictures` the tokens that are made, those made first at the end: the first `made` of a permutation of `tokens`.
 * @throws ArgumentError when the source gives no permutation.
 */
export function drawOrders(
  randomness: Pick<Randomness, 'order'>,
  pictures: number,
  tokens: Uint32Array,
  made = tokens.length,
): Uint32Array[] {
  const draw = (p: number) => checkOrder(randomness.order(p, tokens.length), tokens.length).subarray(0, made);
  return Array.from({ length: pictures }, (_, p) => Uint32Array.from(draw(p), (i) => tokens[i]));
}

/** What a source of randomness gave as noise of `steps` × `rows` tokens. @throws ArgumentError for another length. */
export function checkNoise(noise: Float32Array, steps: number, rows: number): Float32Array {
  const length = steps * rows * TOKEN_DIM;
  if (!(noise instanceof Float32Array) || noise.length !== length)
    throw new ArgumentError(
      `[randomness] noise must be a Float32Array of ${steps} steps of ${rows} rows of ${TOKEN_DIM}, ${length} values, but has ${String((noise as Float32Array | undefined)?.length)}`,
    );
  return noise;
}

/**
 * Randomness from a seed, a whole number from 0 to 2⁵³−1. Picture i draws from the stream of seed + i, so it equals the one
 * picture of a run started with seed + i. @throws ArgumentError where the last of `pictures` would pass 2⁵³.
 */
export function seeded(seed: number, pictures = 1): Randomness {
  if (!Number.isSafeInteger(seed) || seed < 0)
    throw new ArgumentError(`[seed] must be a whole number from 0 to 2^53 − 1 but is ${shown(seed)}`);
  const keyOf = (picture: number): number => {
    const key = seed + picture;
    if (!Number.isSafeInteger(key))
      throw new ArgumentError(
        `[seed] must leave room for picture ${picture} below 2^53 but is ${seed}: take a smaller one`,
      );
    return key;
  };
  keyOf(pictures - 1);
  const stream = (picture: number, purpose: number, iteration: number) => {
    const key = keyOf(picture);
    return words(key % 2 ** 32, Math.floor(key / 2 ** 32), purpose, iteration);
  };
  return {
    order(picture, count) {
      const next = stream(picture, 0, 0);
      const order = Uint32Array.from({ length: count }, (_, i) => i);
      for (let i = count - 1; i > 0; i--) {
        const j = below(i + 1, next);
        [order[i], order[j]] = [order[j], order[i]];
      }
      return order;
    },
    noise(picture, iteration, steps, rows) {
      const next = stream(picture, 1, iteration);
      const out = new Float32Array(steps * rows * TOKEN_DIM);
      // Box–Muller: two uniforms give two normals. The radius takes (0, 1] so that its logarithm is finite.
      for (let i = 0; i < out.length; i += 2) {
        const radius = Math.sqrt(-2 * Math.log((next() + 1) / 2 ** 32));
        const angle = (2 * Math.PI * next()) / 2 ** 32;
        out[i] = radius * Math.cos(angle);
        out[i + 1] = radius * Math.sin(angle);
      }
      return out;
    },
  };
}

/** What a run of `order.length` pictures drew: an order for each, and for each iteration noise [steps, all pictures' rows, 16], picture by picture. */
export interface Recording {
  readonly order: readonly Uint32Array[];
  readonly noise: readonly Float32Array[];
}

/**
 * Randomness that replays a recording. @throws ArgumentError when it is asked for another number of pictures, tokens, steps or rows, or has an
 * order that is none.
 */
export function recorded({ order, noise }: Recording): Randomness {
  const pictures = order.length;
  const refuse = (sentence: string): never => {
    throw new ArgumentError(`[recorded randomness] ${sentence}`);
  };
  const check = (picture: number) =>
    picture < pictures || refuse(`has ${pictures} pictures, number ${picture} was asked for`);
  return {
    order(picture, count) {
      check(picture);
      if (order[picture].length !== count)
        refuse(`orders ${order[picture].length} tokens of picture ${picture} but ${count} were asked for`);
      return checkOrder(order[picture], count).slice();
    },
    noise(picture, iteration, steps, rows) {
      check(picture);
      if (iteration >= noise.length) refuse(`has ${noise.length} iterations, number ${iteration} was asked for`);
      const all = noise[iteration];
      const step = pictures * rows * TOKEN_DIM;
      if (all.length !== steps * step)
        refuse(
          `has ${all.length} values in iteration ${iteration} but ${steps} steps of ${pictures}×${rows} rows of ${TOKEN_DIM} were asked for`,
        );
      const out = new Float32Array(steps * rows * TOKEN_DIM);
      for (let j = 0; j < steps; j++) {
        const from = j * step + picture * rows * TOKEN_DIM;
        out.set(all.subarray(from, from + rows * TOKEN_DIM), j * rows * TOKEN_DIM);
      }
      return out;
    },
  };
}

/** Philox 4x32-10: counter (4 words) and key (2 words) to 4 random words. */
export function philox4x32(
  counter: readonly [number, number, number, number],
  key: readonly [number, number],
): [number, number, number, number] {
  let [a, b, c, d] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const [high0, low0] = [multiplyHigh(0xd2511f53, a), Math.imul(0xd2511f53, a)];
    const [high1, low1] = [multiplyHigh(0xcd9e8d57, c), Math.imul(0xcd9e8d57, c)];
    [a, b, c, d] = [high1 ^ b ^ k0, low1, high0 ^ d ^ k1, low0];
    k0 = (k0 + 0x9e3779b9) | 0;
    k1 = (k1 + 0xbb67ae85) | 0;
  }
  return [a >>> 0, b >>> 0, c >>> 0, d >>> 0];
}

/** Upper 32 bits of the 64-bit product of two unsigned words, from 16-bit halves. */
function multiplyHigh(x: number, y: number): number {
  const [xh, xl] = [x >>> 16, x & 0xffff];
  const [yh, yl] = [y >>> 16, y & 0xffff];
  const middle = xh * yl + ((xl * yl) >>> 16);
  const cross = (middle % 65536) + xl * yh;
  return (xh * yh + Math.floor(middle / 65536) + Math.floor(cross / 65536)) >>> 0;
}

/** The endless run of words of one stream: counter (block, 0, purpose, iteration). */
function words(keyLow: number, keyHigh: number, purpose: number, iteration: number): () => number {
  let block = 0;
  let at = 4;
  let four: readonly number[] = [];
  return () => {
    if (at === 4) {
      four = philox4x32([block++, 0, purpose, iteration], [keyLow, keyHigh]);
      at = 0;
    }
    return four[at++];
  };
}

/** An unbiased number below `bound` from 32-bit words: those of the last, incomplete run of multiples are thrown away. */
export function below(bound: number, next: () => number): number {
  const limit = 2 ** 32 - (2 ** 32 % bound);
  for (;;) {
    const word = next();
    if (word < limit) return word % bound;
  }
}
