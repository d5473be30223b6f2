/** Shares of a list: every entry has one process, however the processes are numbered. */
import { describe, expect, it } from 'vitest';
import { shardOf, shardValue } from '../../../node/cli/shard.ts';
import { ArgumentError } from '../../../src/engine/index.ts';

const slurm = (task: number, least: number, most: number, step = 1, count?: number) => ({
  SLURM_ARRAY_TASK_ID: String(task),
  SLURM_ARRAY_TASK_MIN: String(least),
  SLURM_ARRAY_TASK_MAX: String(most),
  SLURM_ARRAY_TASK_STEP: String(step),
  ...(count === undefined ? {} : { SLURM_ARRAY_TASK_COUNT: String(count) }),
});

it('is what --shard says, whatever the variables say', () => {
  expect(shardValue('0/1')).toEqual({ index: 0, of: 1 });
  expect(shardOf({ shard: shardValue('2/3') }, slurm(0, 0, 9))).toEqual({ index: 2, of: 3 });
  expect(shardOf({ shard: shardValue('2/3'), shards: 3 }, {})).toEqual({ index: 2, of: 3 });
  expect(shardOf({}, {})).toBeUndefined();
  expect(shardOf({}, { SLURM_ARRAY_TASK_ID: '' })).toBeUndefined();
});

it.each(['3/3', '-1/3', '1', '1/0', '0/0', 'a/b', '1/2/3', '1.0/2', ''])('--shard %s is refused', (text) =>
  expect(() => shardValue(text)).toThrow(ArgumentError),
);

describe('a Slurm array', () => {
  it.each([
    [0, 9, 1],
    [1, 10, 1],
    [17, 23, 1],
    [0, 18, 2],
    [5, 26, 7],
    [5, 27, 7],
  ])('from %i to %i by %i gives each task its own share of all', (least, most, step) => {
    const shares = [];
    for (let task = least; task <= most; task += step) shares.push(shardOf({}, slurm(task, least, most, step))!);
    expect(new Set(shares.map(({ of }) => of))).toEqual(new Set([shares.length]));
    expect(shares.map(({ index }) => index).sort((a, b) => a - b)).toEqual(shares.map((_, i) => i));
  });

  it('gives a task that is submitted again the share it had', () => {
    for (const least of [0, 1])
      for (let task = least; task < least + 10; task++) {
        const first = shardOf({}, slurm(task, least, least + 9));
        expect(shardOf({ shards: 10 }, slurm(task, task, task))).toEqual(first);
        expect(shardOf({ shards: 10 }, slurm(task, least, task + 3, 1, 2))).toEqual(first);
      }
  });

  it('with gaps, or without its bounds, must be told the shares', () => {
    expect(() => shardOf({}, slurm(3, 3, 7, 1, 2))).toThrow('the Slurm array has gaps, 2 tasks from 3 to 7');
    expect(() => shardOf({}, { SLURM_ARRAY_TASK_ID: '3' })).toThrow('add --shards');
    expect(() => shardOf({}, slurm(8, 3, 7))).toThrow('add --shards');
    expect(() => shardOf({ shards: 4 }, slurm(2, 0, 6, 2))).toThrow('counts by 1 but SLURM_ARRAY_TASK_STEP is 2');
    expect(() => shardOf({}, { ...slurm(3, 3, 7), SLURM_ARRAY_TASK_ID: 'x' })).toThrow('must be a whole number');
  });
});

describe('a Kubernetes indexed job', () => {
  it('needs to be told of how many', () => {
    expect(shardOf({ shards: 4 }, { JOB_COMPLETION_INDEX: '3' })).toEqual({ index: 3, of: 4 });
    expect(() => shardOf({}, { JOB_COMPLETION_INDEX: '3' })).toThrow("add --shards with the job's completions");
    expect(() => shardOf({ shards: 3 }, { JOB_COMPLETION_INDEX: '3' })).toThrow('must be below --shards, 3');
  });

  it('or another source must say which', () => {
    expect(() => shardOf({ shards: 3 }, {})).toThrow('use --shard i/n');
    expect(() => shardOf({ shards: 3, shard: { index: 0, of: 2 } }, {})).toThrow(
      '--shards must be the n of --shard, 2',
    );
  });
});
