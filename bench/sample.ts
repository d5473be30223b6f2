/** A spread of a result's elements: enough to see that two engines computed the same. */

const SAMPLE = 1024;

/** At most 1024 elements, evenly spread, first and last included. */
export function sampled(values: ArrayLike<number>): number[] {
  const n = Math.min(SAMPLE, values.length);
  return Array.from({ length: n }, (_, i) => values[n === 1 ? 0 : Math.floor((i * (values.length - 1)) / (n - 1))]);
}
