/** Which variants win: the time of all calls of a task, and the compilation of kernels that nobody else would need. */

/** A choice with the times of its variants that work, the default first where it does. */
export interface TimedChoice {
  readonly key: string;
  readonly variants: readonly TimedVariant[];
}

export interface TimedVariant {
  readonly name: string;
  /** Of all calls of one task, milliseconds. */
  readonly ms: number;
  /** Texts of its kernels. */
  readonly kernels: ReadonlySet<string>;
}

export interface ChooseOptions {
  /** Milliseconds that each kernel takes to compile. */
  readonly compile: ReadonlyMap<string, number>;
  /** Keys of the choices that use a kernel now; others that use it have a name that is no key. */
  readonly users: ReadonlyMap<string, ReadonlySet<string>>;
  /** Tasks that one compilation serves. */
  readonly tasks: number;
}

/** Anything less is noise, and no reason to leave the default. */
const LEAST_GAIN = 0.03;

/** The winner of each choice. Those that have most to gain choose first, as the others then share their kernels. */
export function chooseVariants(choices: readonly TimedChoice[], options: ChooseOptions): Map<string, string> {
  const users = new Map([...options.users].map(([kernel, keys]) => [kernel, new Set(keys)]));
  const gain = ({ variants }: TimedChoice) => variants[0].ms - Math.min(...variants.map((v) => v.ms));
  const chosen = new Map<string, string>();
  for (const { key, variants } of [...choices].sort((a, b) => gain(b) - gain(a))) {
    const isShared = (kernel: string) => [...(users.get(kernel) ?? [])].some((user) => user !== key);
    const cost = ({ ms, kernels }: TimedVariant) =>
      [...kernels].reduce(
        (sum, kernel) => (isShared(kernel) ? sum : sum + (options.compile.get(kernel) ?? 0)),
        ms * options.tasks,
      );
    const [first] = variants;
    const best = variants.reduce((a, b) => (cost(b) < cost(a) ? b : a));
    const winner = cost(best) < cost(first) * (1 - LEAST_GAIN) ? best : first;
    chosen.set(key, winner.name);
    for (const kernel of first.kernels) users.get(kernel)?.delete(key);
    for (const kernel of winner.kernels) users.set(kernel, (users.get(kernel) ?? new Set()).add(key));
  }
  return chosen;
}
