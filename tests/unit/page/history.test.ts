/** The history: order, search, neighbours, differences, file names. */
import { describe, expect, it } from 'vitest';
import { fileName } from '../../../web/app/logic/file_name.ts';
import {
  filtered,
  neighbour,
  settingsDiffer,
  titleOf,
  withEntry,
  withoutEntries,
} from '../../../web/app/logic/history.ts';
import { record } from '../../support/record.ts';
import { entry } from './support.ts';

const dog = entry('dog', { created: 3, favourite: true });
const photo = entry('photo', {
  created: 2,
  record: undefined,
  name: 'IMG_7.JPG',
  talk: [{ question: 'What?', answer: 'A Panda.' }],
});
const cat = entry('cat', { created: 1, record: record({ prompt: 'two cats', seed: 99 }) });
const all = [dog, photo, cat];
const ids = (entries: readonly { id: string }[]) => entries.map(({ id }) => id);

it('is newest first, each once', () => {
  expect(ids(withEntry([photo, cat], dog))).toEqual(['dog', 'photo', 'cat']);
  expect(withEntry(all, { ...cat, favourite: true })).toHaveLength(3);
  expect(ids(withoutEntries(all, new Set(['dog', 'cat'])))).toEqual(['photo']);
});

describe('search', () => {
  it.each([
    ['', false, ['dog', 'photo', 'cat']],
    ['DOG', false, ['dog']],
    ['cats two', false, ['cat']],
    ['seed 99', false, ['cat']],
    ['panda', false, ['photo']],
    ['img_7', false, ['photo']],
    ['zebra', false, []],
    ['', true, ['dog']],
    ['two', true, []],
  ])('%j, favourites %s', (words, favourites, expected) => {
    expect(ids(filtered(all, { words, favourites }))).toEqual(expected);
  });
});

it('walks to neighbours and stops at the ends', () => {
  expect(neighbour(all, 'dog', 1)?.id).toBe('photo');
  expect(neighbour(all, 'dog', -1)?.id).toBe('dog');
  expect(neighbour(all, 'cat', 1)?.id).toBe('cat');
  expect(neighbour(all, undefined, 1)?.id).toBe('dog');
  expect(neighbour([], 'dog', 1)).toBeUndefined();
});

it('says in what two pictures differ', () => {
  expect(settingsDiffer(dog, cat)).toEqual(['prompt “a dog” → “two cats”', 'seed 7 → 99', 'size 128×128 → 128×64']);
  expect(settingsDiffer(dog, dog)).toEqual([]);
  expect(settingsDiffer(dog, photo)).toEqual([]);
});

it('names files by words that every system takes', () => {
  const named = (prompt: string) => fileName(entry('1f3a-9', { record: record({ prompt }) }));
  expect(named('a fox / above: a "pizza"?')).toBe('a-fox-above-a-pizza-7-1f3a.png');
  expect(named('../../etc')).toBe('etc-7-1f3a.png');
  expect(named('狗 🐶')).toBe('狗-7-1f3a.png');
  expect(named('')).toBe('Picture-7-1f3a.png');
  expect(named('x'.repeat(500)).length).toBeLessThan(80);
  expect(fileName(photo)).toBe('IMG-7-phot.png');
  expect(titleOf(entry('a', { record: undefined }))).toBe('Picture');
});
