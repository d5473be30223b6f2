/**
 * Choices between variants: an op names those that are valid for a node on this device, the compiler hands back the one to use, and the plan keeps
 * what was asked, so that a tuner can time the others.
 */
import { type Dim, maximum } from './extent.ts';
import type { Node } from './graph.ts';

/**
 * What decides between variants: sizes, dtypes, flags. A dimension counts by its maximum; `rows` and `pictures`, which differ from run to run, by the
 * power of two that holds them, so that what was measured once serves many requests.
 */
export type Facts = Readonly<Record<string, Dim | string | boolean>>;

/** One answered question of a plan. */
export interface Choice {
  /** The op, its facts and the names of its variants; two nodes of one key are always answered alike. */
  readonly key: string;
  /** Names of the valid variants, the default first. */
  readonly variants: readonly string[];
  readonly chosen: string;
  /** The node that asked, as the op was given it. */
  readonly node: Node;
}

/** Answers from elsewhere, such as a tuner's: the name of a variant by the key of a choice. */
export type Choices = ReadonlyMap<string, string>;

/** `linear rows≤64 columns=192: rows_16 rows_8`; the order of the variants, which may follow the device, doesn't count. */
export function choiceKey(op: string, facts: Facts, variants: readonly string[]): string {
  const parts = Object.entries(facts).map(([name, fact]) => {
    if (typeof fact === 'string' || typeof fact === 'boolean') return `${name}=${String(fact)}`;
    if (name === 'rows' || name === 'pictures') return `${name}≤${2 ** Math.ceil(Math.log2(maximum(fact) || 1))}`;
    return typeof fact === 'number' ? `${name}=${fact}` : `${name}≤${maximum(fact)}`;
  });
  return `${[op, ...parts].join(' ')}: ${[...variants].sort().join(' ')}`;
}
