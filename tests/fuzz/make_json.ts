/** JSON with one to three values in it exchanged, left out or doubled, and sometimes its text damaged. */
import { text } from '../support/make_zip.ts';
import { mutate } from './mutate.ts';
import type { Random } from './random.ts';

/** Stands for a list in lists of any depth, which JSON.stringify could not write. */
const DEEP = 'deep';

const ODD: readonly unknown[] = [
  DEEP, null, true, 0, -1, 0.5, 1e308, 2 ** 31, 2 ** 53, '', ' ', '__proto__', '../x', '/etc/passwd', 'a\0b', '\ud800', 'x'.repeat(5000), [], {}, [[]], [null],
  { __proto__: null, constructor: 1 }, Array.from({ length: 300 }, (_, i) => i), { prompt: '' }, { prompt: 7 }, { Regex: '(a+)+$' },
]; // prettier-ignore

export function makeJson(good: unknown, random: Random): Uint8Array {
  let json = good;
  for (let faults = 1 + random.below(3); faults > 0; faults--) json = changed(json, random);
  const depth = random.pick([1, 100, 30_000]);
  const deep = '['.repeat(depth) + ']'.repeat(depth);
  let bytes = text((JSON.stringify(json) ?? 'undefined').replaceAll(`"${DEEP}"`, deep));
  if (random.chance(0.05)) bytes = text('['.repeat(1 + random.below(20_000)));
  return random.chance(0.2) ? mutate(bytes, random) : bytes;
}

/** A copy along one path to a place that is not what it was. */
function changed(value: unknown, random: Random): unknown {
  if (typeof value !== 'object' || value === null || random.chance(0.1)) return random.pick(ODD);
  if (Array.isArray(value)) {
    const list = [...(value as readonly unknown[])];
    const at = random.below(list.length + 1);
    if (at === list.length || random.chance(0.1))
      list.splice(at, 0, list.length && random.chance(0.5) ? random.pick(list) : random.pick(ODD));
    else if (random.chance(0.1)) list.splice(at, 1);
    else list[at] = changed(list[at], random);
    return list;
  }
  const members = Object.entries(value);
  if (members.length === 0 || random.chance(0.1)) members.push([keyOf(random), random.pick(ODD)]);
  const at = random.below(members.length);
  if (random.chance(0.1)) members.splice(at, 1);
  else members[at] = [random.chance(0.1) ? keyOf(random) : members[at][0], changed(members[at][1], random)];
  return Object.fromEntries(members);
}

const keyOf = (random: Random): string =>
  random.pick(['prompt', 'model', 'vocab', '', '__proto__', 'constructor', 'a\0b', '0']);
