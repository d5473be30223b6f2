/**
 * `npm run fuzz -- --runs N --seed S`: reads N made and damaged files in a child process of small heap, whose end by a crash, whose silence,
 * and whose errors of the wrong kind are failures. Each failure is kept under tests/corpus/fuzz, where the unit tests read it from then on.
 */
import { fork } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { packageFile } from '../../node/package.ts';
import { inputOf } from './attempt.ts';
import type { Report } from './child.ts';
import { HEAP_MEGABYTES } from './limits.ts';
import { FAULTY, TARGETS, targetOf } from './targets.ts';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
    /** First input, to come back to one. */
    from: { type: 'string', default: '0' },
    /** Seconds after which a silent child hangs. */
    patience: { type: 'string', default: '20' },
    /** Where failures are kept. */
    keep: { type: 'string', default: join(dirname(packageFile('package.json')), 'tests/corpus/fuzz') },
    /** Reads with the faulty reader of the tests. */
    faulty: { type: 'boolean', default: false },
  },
});
const [runs, seed, first, patience] = [values.runs, values.seed, values.from, values.patience].map(Number);
if (![runs, seed, first, patience].every((n) => Number.isSafeInteger(n) && n >= 0)) {
  console.error('fuzz: --runs, --seed, --from and --patience must be whole numbers');
  process.exit(2);
}
const targets = values.faulty ? [FAULTY] : TARGETS;
const folder = mkdtempSync(join(tmpdir(), 'overtone-fuzz-'));
const place = join(folder, 'place');
const counts: Report['counts'] = {};
const worst: Report['worst'] = {};
const failed = new Set<number>();
const started = Date.now();

process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
for (let from = first; from < first + runs;) from = await runChild(from, first + runs);

for (const [name, { read = 0, refused = 0, failed: faults = 0 }] of Object.entries(counts)) {
  const { milliseconds, bytes } = worst[name] ?? { milliseconds: 0, bytes: 0 };
  const most = `at most ${milliseconds.toFixed(0)} ms of processor time and ${(bytes / 1e6).toFixed(1)} MB`;
  console.log(`${name.padEnd(20)} ${read} read, ${refused} refused, ${faults} failed; ${most}`);
}
const seconds = ((Date.now() - started) / 1000).toFixed(0);
console.log(`${runs} inputs of seed ${seed} in ${seconds} s, ${failed.size} failed`);
process.exit(failed.size > 0 ? 1 : 0);

/** Runs inputs from `from` in a child of its own until it ends; returns the first input that is not done. */
function runChild(from: number, to: number): Promise<number> {
  const path = join(dirname(fileURLToPath(import.meta.url)), import.meta.url.endsWith('.ts') ? 'child.ts' : 'child.js');
  const child = fork(path, [seed, from, to, place, values.faulty ? 'faulty' : ''].map(String), {
    execArgv: [`--max-old-space-size=${HEAP_MEGABYTES}`],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  writeFileSync(place, `${from}\n`);
  let noise = '';
  child.stderr!.on('data', (bytes) => (noise = (noise + String(bytes)).slice(0, 2000)));
  child.on('message', (report: Report) => {
    for (const [name, outcomes] of Object.entries(report.counts))
      for (const [outcome, count] of Object.entries(outcomes)) add(name, outcome, count);
    for (const [name, { milliseconds, bytes }] of Object.entries(report.worst)) {
      const most = (worst[name] ??= { milliseconds: 0, bytes: 0 });
      most.milliseconds = Math.max(most.milliseconds, milliseconds);
      most.bytes = Math.max(most.bytes, bytes);
    }
    for (const { index, why } of report.failures) keep(index, why);
  });
  let hangs = false;
  let [last, since] = ['', Date.now()];
  const watch = setInterval(() => {
    const now = readFileSync(place, 'utf8');
    if (now !== last) [last, since] = [now, Date.now()];
    else if (Date.now() - since > patience * 1000) {
      hangs = true;
      child.kill('SIGKILL');
    }
  }, 250);
  return new Promise((resolve) =>
    child.on('close', (code, signal) => {
      clearInterval(watch);
      if (code === 0) return resolve(to);
      const index = Number.parseInt(readFileSync(place, 'utf8'));
      add(targetOf(targets, index).name, 'failed', 1);
      const reason = /out of memory/i.test(noise)
        ? `it takes more than ${HEAP_MEGABYTES} MB of heap`
        : `the process ends with ${code ?? signal}`;
      keep(index, hangs ? `it takes more than ${patience} s` : `${reason}: ${noise.trim().split('\n')[0]}`);
      resolve(index + 1);
    }),
  );
}

function add(name: string, outcome: string, count: number): void {
  const of = (counts[name] ??= {});
  of[outcome] = (of[outcome] ?? 0) + count;
}

/** Writes the input to where the unit tests find it, and says why. */
function keep(index: number, why: string): void {
  if (failed.has(index)) return;
  failed.add(index);
  const target = targetOf(targets, index);
  const path = join(values.keep, `${target.name}.${seed}-${index}`);
  mkdirSync(values.keep, { recursive: true });
  writeFileSync(path, inputOf(target, seed, index));
  console.log(`${path}: ${why}`);
}
