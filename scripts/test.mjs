/**
 * `npm test`, or `npm test -- <suite>… [file filters and vitest options]`: sets up, runs the suites and ends with one
 * line, `N passed, N failed`. Without a suite it runs all but `full` (minutes at the full sizes) and `hardware` (the
 * GPU that Dawn picks by itself); `browser` drives Chromium. `faults` asked for by name tries every point of failure, otherwise a spread of them.
 */
import { rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { run } from './children.mjs';
import { testAdapters } from './drivers.mjs';
import { count } from './results.mjs';
import { setUp } from './setup.mjs';
import { files, read, root, state } from './workspace.mjs';

const adapters = testAdapters().map(({ name }) => name);

/** suite → { project: folder under tests/ }; the projects themselves are in vitest.config.ts */
const SUITES = {
  unit: { unit: 'unit' },
  gpu: Object.fromEntries(adapters.map((name) => [name, 'gpu'])),
  golden: Object.fromEntries(adapters.map((name) => [`golden-${name}`, 'golden'])),
  cli: { cli: 'cli' },
  faults: { faults: 'faults' },
  browser: { browser: 'browser' },
  full: { full: 'full' },
  hardware: { hardware: 'gpu', 'golden-hardware': 'golden' },
};

const args = process.argv.slice(2);
const named = [];
while (Object.hasOwn(SUITES, args[0] ?? '')) named.push(args.shift());
const BROWSER = process.platform === 'linux' ? ['browser'] : [];
const suites = named.length > 0 ? named : ['unit', 'gpu', 'golden', 'cli', 'faults', ...BROWSER];
const projects = Object.entries(Object.assign({}, ...suites.map((suite) => SUITES[suite])));
const testsOf = (folder) => files(join(root, 'tests', folder)).filter((path) => path.endsWith('.test.ts'));

const only = (name) => suites.every((suite) => suite === name);
const unguard = await setUp(only('unit') ? 'build' : only('browser') ? 'browser' : 'tests');

const RESULTS = join(state, `tests-${process.pid}.json`);
const vitest = [
  join(root, 'node_modules/vitest/vitest.mjs'),
  'run',
  ...projects.flatMap(([project]) => ['--project', project]),
  '--reporter=default',
  `--reporter=${join(root, 'scripts/reporter.mjs')}`,
  ...args,
];
const env = { ...process.env, OVERTONE_RESULTS: RESULTS };
if (named.includes('faults')) env.OVERTONE_FAULTS ??= 'every';
const { code } = await run(process.execPath, vitest, { cwd: root, env, stdio: ['ignore', 'inherit', 'inherit'] });

const report = JSON.parse(read(RESULTS) || '{"expected":[],"modules":[],"errors":["vitest wrote no report"]}');
rmSync(RESULTS, { force: true });
const all = projects.flatMap(([project, folder]) =>
  testsOf(folder).map((path) => ({ project, file: relative(root, path).replaceAll('\\', '/') })),
);
const filtered = args.length > 0;
const empty = projects.filter(([, folder]) => !filtered && testsOf(folder).length === 0);
const { passed, failed, failures, notRun } = count({
  ...report,
  expected: filtered ? report.expected : all,
  errors: [...report.errors, ...empty.map(([project, folder]) => `[${project}] tests/${folder} has no test files`)],
  code,
  filtered,
});

if (process.platform !== 'linux')
  notRun.push('everything on SwiftShader and lavapipe, and in Chromium: they are installed on Linux only');
for (const line of notRun) console.log(`not run: ${line}`);
if (notRun.length > 0) console.log(`${notRun.length} not run, for want of something in the adapter or the system`);
for (const line of failures) console.log(`failed: ${line}`);
console.log(`${passed} passed, ${failed} failed`);
unguard();
process.exitCode = failed > 0 ? 1 : 0;
