/** The op cases that are timed, from the lists of the tests. */
import { readdirSync } from 'node:fs';
import { ArgumentError } from '../src/engine/index.ts';
import type { CaseList, OpCase } from '../tests/support/case.ts';

export interface TimedCase {
  readonly op: string;
  readonly test: OpCase;
}

let lists: Promise<TimedCase[]> | undefined;

/** All timed cases of all lists. */
export const loadLists = (): Promise<TimedCase[]> => (lists ??= load());

async function load(): Promise<TimedCase[]> {
  const folder = new URL('../tests/cases/', import.meta.url);
  const files = readdirSync(folder).filter((name) => /^\w+\.[jt]s$/.test(name));
  const modules = await Promise.all(
    files.sort().map((name) => import(/* @vite-ignore */ new URL(name, folder).href) as Promise<{ list: CaseList }>),
  );
  return modules.flatMap(({ list }) =>
    list.cases.filter((test) => test.timed).map((test) => ({ op: test.op ?? list.op, test })),
  );
}

export const caseOf = (cases: readonly TimedCase[], op: string, name: string): OpCase =>
  cases.find((c) => c.op === op && c.test.name === name)!.test;

/** Those of the ops named, or of all; with `quick` the first of each op. Errors: ArgumentError for an op that there is not. */
export function chosen(cases: readonly TimedCase[], ops: readonly string[] | undefined, quick: boolean): TimedCase[] {
  const known = [...new Set(cases.map((c) => c.op))];
  const unknown = ops?.find((op) => !known.includes(op));
  if (unknown !== undefined)
    throw new ArgumentError(
      `--ops must name ops of the benchmark (${known.join(', ')}) but names ${JSON.stringify(unknown)}`,
    );
  const wanted = cases.filter((c) => !ops || ops.includes(c.op));
  return quick ? wanted.filter((c, i) => wanted.findIndex((other) => other.op === c.op) === i) : wanted;
}
