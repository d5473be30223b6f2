/** The other variants of an op's choices, timed beside the one that was chosen. */
import type { Device, Timer } from '../src/engine/index.ts';
import type { OpCase } from '../tests/support/case.ts';
import { type Rates, boundOf } from './bound.ts';
import { type OurCase, prepareOurs } from './our_case.ts';
import type { Row, VariantRow } from './record.ts';
import { median } from './stats.ts';

interface Other {
  readonly prepared?: { readonly own: OurCase; readonly runs: number };
  readonly rounds: { readonly ms: number; readonly share: number }[];
  error?: string;
}

export class Variants {
  private constructor(private readonly others: ReadonlyMap<string, Other>) {}

  /** Those that differ from `ours` in one choice. What fails is noted down. `runs` says how many runs make one measurement of a case. */
  static async prepare(
    device: Device,
    timer: Timer,
    test: OpCase,
    ours: OurCase,
    runs: (own: OurCase) => Promise<number>,
  ): Promise<Variants> {
    const others = new Map<string, Other>();
    const asked = new Map(ours.choices.map((choice) => [choice.key, choice]));
    for (const { key, variants, chosen } of asked.values())
      for (const variant of variants.filter((name) => name !== chosen)) {
        const name = asked.size === 1 ? variant : `${variant} (${key.slice(0, key.indexOf(': '))})`;
        others.set(name, await prepareOne(device, timer, test, new Map([[key, variant]]), runs));
      }
    return new Variants(others);
  }

  /** One measurement of each. */
  async round(rates: Rates): Promise<void> {
    for (const { prepared, rounds } of this.others.values()) {
      if (!prepared) continue;
      const ms = await prepared.own.time(prepared.runs);
      rounds.push({ ms, share: boundOf(prepared.own.work, rates).ms / ms });
    }
  }

  /** What was found; nothing where the op has no choice. */
  read(): Pick<Row, 'variants'> {
    if (this.others.size === 0) return {};
    const found = [...this.others].map(([name, { prepared, rounds, error }]): [string, VariantRow] => {
      if (!prepared) return [name, { error: error! }];
      const { compile, variant } = prepared.own;
      const middle = (of: 'ms' | 'share') => median(rounds.map((round) => round[of]));
      return [name, { ms: middle('ms'), share: middle('share'), compile, variant }];
    });
    return { variants: Object.fromEntries(found) };
  }

  destroy(): void {
    for (const { prepared } of this.others.values()) prepared?.own.destroy();
  }
}

async function prepareOne(
  device: Device,
  timer: Timer,
  test: OpCase,
  choices: ReadonlyMap<string, string>,
  runs: (own: OurCase) => Promise<number>,
): Promise<Other> {
  let own: OurCase | undefined;
  try {
    own = await prepareOurs(device, timer, test, choices);
    return { prepared: { own, runs: await runs(own) }, rounds: [] };
  } catch (error) {
    own?.destroy();
    device.check('variants'); // the end of the device is no fault of a variant
    return { rounds: [], error: error instanceof Error ? error.message : String(error) };
  }
}
