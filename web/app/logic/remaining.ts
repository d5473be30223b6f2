/** How long the work will take: from the iterations that are done, the latest counting most. */

export interface Pace {
  /** Milliseconds an iteration; none before the second has ended. */
  readonly each: number | undefined;
  /** When the last iteration ended, milliseconds. */
  readonly last: number | undefined;
}

export const NO_PACE: Pace = { each: undefined, last: undefined };

/** The pace after an iteration that ended `now`. */
export function paceAfter({ each, last }: Pace, now: number): Pace {
  if (last === undefined) return { each, last: now };
  const took = now - last;
  return { each: each === undefined ? took : 0.7 * each + 0.3 * took, last: now };
}

/** Milliseconds for `iterations` more. */
export const remaining = ({ each }: Pace, iterations: number): number | undefined =>
  each === undefined ? undefined : each * iterations;

/** `8 s`, `2:05`, `1:02:03`. */
export function clock(ms: number): string {
  const seconds = Math.max(1, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const two = (n: number) => String(n).padStart(2, '0');
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}
