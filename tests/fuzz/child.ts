/**
 * The child process of the fuzzer: reads inputs `from` to `to` and reports them to its parent in groups. The number of the input at work
 * stands in a file, for when nothing can be reported any more.
 */
import { openSync, writeSync } from 'node:fs';
import { attempt, inputOf } from './attempt.ts';
import { FAULTY, TARGETS, targetOf } from './targets.ts';

/** The most that any input of a target cost. */
export interface Cost {
  milliseconds: number;
  bytes: number;
}

export interface Report {
  /** Inputs since the last report, by target and outcome. */
  readonly counts: Record<string, Record<string, number>>;
  readonly worst: Record<string, Cost>;
  readonly failures: readonly { index: number; why: string }[];
}

const GROUP = 500;
const WARM = 20;
const [seed, from, to] = process.argv.slice(2, 5).map(Number);
const targets = process.argv[6] === 'faulty' ? [FAULTY] : TARGETS;
const place = openSync(process.argv[5], 'w');
// what a reader loads on its first use is no cost of an input
for (const target of targets)
  if (target !== FAULTY) for (let i = 0; i < WARM; i++) await attempt(target, inputOf(target, 0, i));

let report = blank();
for (let index = from; index < to; index++) {
  writeSync(place, `${index}\n`, 0);
  const target = targetOf(targets, index);
  const { outcome, milliseconds, bytes, why } = await attempt(target, inputOf(target, seed, index));
  const counts = (report.counts[target.name] ??= {});
  counts[outcome] = (counts[outcome] ?? 0) + 1;
  const worst = (report.worst[target.name] ??= { milliseconds: 0, bytes: 0 });
  worst.milliseconds = Math.max(worst.milliseconds, milliseconds);
  worst.bytes = Math.max(worst.bytes, bytes);
  if (why !== undefined) report.failures.push({ index, why });
  if (why !== undefined || (index - from + 1) % GROUP === 0) await send();
}
await send();
process.exit(0);

function blank() {
  return {
    counts: {} as Record<string, Record<string, number>>,
    worst: {} as Record<string, Cost>,
    failures: [] as { index: number; why: string }[],
  };
}

/** Resolves when the parent's end has it, so that a crash right after loses nothing. */
async function send(): Promise<void> {
  const sent = report;
  report = blank();
  await new Promise<void>((resolve, reject) =>
    process.send!(sent satisfies Report, (error: Error | null) => (error ? reject(error) : resolve())),
  );
}
