/**
 * Choices between variants: an op names those that are valid for a node on this device, the compiler hands back the one to use, and the plan keeps
 * what was asked, so that a tuner can time the others.
 */
import { type Dim, maximum } from './extent.ts';
import type { Node } from './graph.ts';

/** What decides between variants: sizes, dtypes, flags. A dimension counts by its maximum. */
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
  const parts = Object.entries(facts).map(
    ([name, fact]) => `${name}${typeof fact === 'object' ? `≤${maximum(fact)}` : `=${String(fact)}`}`,
  );
  return `${[op, ...parts].join(' ')}: ${[...variants].sort().join(' ')}`;
}
