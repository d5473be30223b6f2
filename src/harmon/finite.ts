/** What ends in NaN or infinity is no picture and no word: the results of every task are looked at, whatever made them so. */
import { OvertoneError } from '../engine/index.ts';

/** Whether all are finite: a number less itself is 0, infinity or NaN less itself is NaN, and so is a sum with that. */
export function allFinite(values: Float32Array): boolean {
  let sum = 0;
  for (const value of values) sum += value - value;
  return sum === 0;
}

export const notFinite = (subject: string, what: string): OvertoneError =>
  new OvertoneError(
    'numerics',
    `[${subject}] ${what} must be finite but are NaN or infinite: check that the weights are whole and of this model; --check-range (checkRange) names the first tensor that is not`,
  );
