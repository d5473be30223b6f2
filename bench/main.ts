/** `npm run bench`: measures, prints, writes, compares. */
import { CommanderError } from 'commander';
import { digits } from '../node/cli/columns.ts';
import { report } from '../node/cli/main.ts';
import { createProgress } from '../node/cli/progress.ts';
import { listen } from '../node/cli/signals.ts';
import { writeFileAtomic } from '../node/files.ts';
import { comparisonTable, compareRecords, slower } from './compare.ts';
import { type BenchOptions, createProgram } from './program.ts';
import type { BenchRecord } from './record.ts';
import { checkWritable, readRecord, recordText } from './record_file.ts';
import { measure } from './run.ts';
import { calibrationLines, failures, opTable, phaseLines, targetTable } from './table.ts';
import { verdicts } from './targets.ts';

const interrupts = listen();
const print = (text: string) => void process.stdout.write(`${text}\n`);

async function bench(options: BenchOptions): Promise<void> {
  const earlier = options.compare === undefined ? undefined : await readRecord(options.compare);
  for (const path of [options.json, options.html]) if (path !== undefined) await checkWritable(path);
  const progress = createProgress({ enabled: options.progress, stream: process.stderr });
  const record = options.from
    ? await readRecord(options.from)
    : await measure(options, { signal: interrupts.signal, progress });
  show(record);
  const bytes = (text: string) => new TextEncoder().encode(text);
  if (options.json) await writeFileAtomic(options.json, bytes(recordText(record)));
  if (options.html) {
    const { reportPage } = await import('./report.ts'); // its plots take a while to load
    await writeFileAtomic(options.html, bytes(reportPage(record)));
  }
  if (earlier) compare(earlier, record, options.bound);
}

function show(record: BenchRecord): void {
  print(`${record.adapter}\n${record.driver}\n${record.machine}\n`);
  print(calibrationLines(record).join('\n'));
  for (const phase of record.phases) print(`\n${phaseLines(phase).join('\n')}`);
  if (record.memory) print(`\nthe model held at most ${digits(record.memory.peak / 1e6)} MB on the device`);
  if (record.rows.length > 0) print(`\n${opTable(record.rows)}`);
  if (verdicts(record).length > 0) print(`\n${targetTable(record)}`);
  for (const [what, why] of Object.entries(record.refused ?? {})) print(`\nnot measured: ${what}: ${why}`);
  const wrong = failures(record.rows);
  if (wrong.length > 0) print(`\npeers without a time:\n${wrong.map((line) => `  ${line}`).join('\n')}`);
}

function compare(before: BenchRecord, now: BenchRecord, bound: number): void {
  const rows = compareRecords(before, now);
  print(
    `\nbeside ${before.adapter}, ${before.measured} (speed: by the share of what bounds the row)\n${comparisonTable(rows)}`,
  );
  const wrong = slower(rows, bound);
  print(`\n${wrong.length} of ${rows.length} rows are under ${bound}× what they were`);
  if (wrong.length > 0) process.exitCode = 1;
}

try {
  await createProgram(bench).parseAsync(process.argv.slice(2), { from: 'user' });
} catch (error) {
  process.exitCode =
    interrupts.code() ??
    (error instanceof CommanderError ? error.exitCode && 2 : report(error, process.argv.includes('--verbose')));
}
await new Promise((resolve) => process.stdout.write('', resolve));
// Dawn would keep the event loop alive
process.exit(interrupts.code() ?? process.exitCode ?? 0);
