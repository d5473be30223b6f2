/** The queue: order, moves, failures, and what becomes of it after a reload. */
import { expect, it } from 'vitest';
import {
  type Job,
  addJob,
  adopted,
  failJob,
  moveJob,
  nextJob,
  removeJob,
  retryJob,
} from '../../../web/app/logic/queue.ts';
import { settings } from './support.ts';

const job = (id: string, tab = 't') => ({ id, tab, settings: settings() });
const queue = (...ids: string[]): Job[] => ids.reduce<Job[]>((jobs, id) => addJob(jobs, job(id)), []);
const ids = (jobs: readonly Job[]) => jobs.map(({ id }) => id).join('');

it('adds at the end and takes from the front', () => {
  const jobs = queue('a', 'b', 'c');
  expect(ids(jobs)).toBe('abc');
  expect(nextJob(jobs)?.id).toBe('a');
  expect(ids(removeJob(jobs, 'a'))).toBe('bc');
  expect(nextJob([])).toBeUndefined();
});

it.each([
  ['c', -1, undefined, 'acb'],
  ['c', -9, undefined, 'cab'],
  ['a', 1, undefined, 'bac'],
  ['a', 9, undefined, 'bca'],
  ['c', -9, 'a', 'acb'],
  ['a', 1, 'a', 'abc'],
  ['z', 1, undefined, 'abc'],
])('moves %s by %i while %s runs', (id, by, running, expected) => {
  const moved = moveJob(queue('a', 'b', 'c'), id, by, running);
  expect(ids(moved)).toBe(expected);
  expect(ids([...moved].sort((a, b) => a.order - b.order))).toBe(expected);
});

it('passes over what failed, until it is tried again', () => {
  const failed = failJob(queue('a', 'b'), 'a', 'no memory');
  expect(nextJob(failed)?.id).toBe('b');
  const again = retryJob(failed, 'a');
  expect(nextJob(again)?.id).toBe('a');
  expect(again[0].failed).toBeUndefined();
});

it('gives a new tab the jobs of tabs that are gone, in their order', () => {
  const jobs = [
    { ...job('late', 'gone'), order: 5 },
    { ...job('theirs', 'alive'), order: 2 },
    { ...job('early', 'gone'), order: 1 },
  ];
  const mine = adopted(jobs, 'new', new Set(['alive', 'new']));
  expect(ids(mine)).toBe('earlylate');
  expect(mine.every(({ tab }) => tab === 'new')).toBe(true);
});
