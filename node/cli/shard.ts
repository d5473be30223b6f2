/**
 * Which share of a list this process takes: what `--shard i/n` says, or the task's number in a Slurm array or a Kubernetes indexed job.
 * Entry k belongs to share k mod n, and a Slurm task to the share of its number mod n, whatever the array starts at: a task that is
 * submitted again, by itself or with some others, has the share it had, once `--shards` says how many there are.
 */
import { ArgumentError } from '../../src/engine/index.ts';
import { quote } from './values.ts';

export interface Shard {
  /** From 0. */
  readonly index: number;
  readonly of: number;
}

/** A parser of `i/n`. */
export function shardValue(text: string): Shard {
  const [, index, of] = (/^(\d{1,9})\/(\d{1,9})$/.exec(text.trim()) ?? []).map(Number);
  if (index < of) return { index, of };
  throw new ArgumentError(`--shard must be i/n with i from 0 to n - 1 but is ${quote(text)}`);
}

/** The share of this process; undefined where it takes the whole list. @throws ArgumentError for variables that leave it open. */
export function shardOf(
  { shard, shards }: { readonly shard?: Shard; readonly shards?: number },
  env: Readonly<Record<string, string | undefined>>,
): Shard | undefined {
  if (shard) {
    if (shards !== undefined && shards !== shard.of)
      throw new ArgumentError(`--shards must be the n of --shard, ${shard.of}, but is ${shards}: leave it out`);
    return shard;
  }
  const number = (name: string): number | undefined => {
    const text = env[name];
    if (!text) return undefined;
    if (!/^\d{1,9}$/.test(text)) throw new ArgumentError(`${name} must be a whole number but is ${quote(text)}`);
    return Number(text);
  };
  const task = number('SLURM_ARRAY_TASK_ID');
  if (task !== undefined) return slurmShard(task, number, shards);
  const completion = number('JOB_COMPLETION_INDEX');
  if (completion === undefined) {
    if (shards === undefined) return undefined;
    throw new ArgumentError(
      '--shards says how many shares there are but neither SLURM_ARRAY_TASK_ID nor JOB_COMPLETION_INDEX which one: use --shard i/n',
    );
  }
  if (shards === undefined)
    throw new ArgumentError(
      `JOB_COMPLETION_INDEX is ${completion} but does not say of how many: add --shards with the job's completions`,
    );
  if (completion >= shards)
    throw new ArgumentError(`JOB_COMPLETION_INDEX must be below --shards, ${shards}, but is ${completion}`);
  return { index: completion, of: shards };
}

function slurmShard(task: number, number: (name: string) => number | undefined, shards: number | undefined): Shard {
  const step = number('SLURM_ARRAY_TASK_STEP') || 1;
  const [least, most] = [number('SLURM_ARRAY_TASK_MIN'), number('SLURM_ARRAY_TASK_MAX')];
  if (shards !== undefined) {
    if (step !== 1)
      throw new ArgumentError(
        `--shards needs a Slurm array that counts by 1 but SLURM_ARRAY_TASK_STEP is ${step}: use --shard i/n`,
      );
    return { index: task % shards, of: shards };
  }
  if (least === undefined || most === undefined || task < least || task > most)
    throw new ArgumentError(
      `SLURM_ARRAY_TASK_ID is ${task} but SLURM_ARRAY_TASK_MIN and _MAX do not say of how many: add --shards`,
    );
  const of = Math.floor((most - least) / step) + 1;
  const count = number('SLURM_ARRAY_TASK_COUNT') ?? of;
  if (count !== of || (task - least) % step !== 0)
    throw new ArgumentError(
      `the Slurm array has gaps, ${count} tasks from ${least} to ${most}: say with --shards how many shares the list was given`,
    );
  return { index: Math.floor(task / step) % of, of };
}
