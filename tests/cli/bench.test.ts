/** The benchmark from the outside: small ops measured, written, compared. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { BenchRecord } from '../../bench/record.ts';

const MAIN = fileURLToPath(new URL('../../dist/bench/main.js', import.meta.url));

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'overtone-bench-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function bench(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [MAIN, ...args, '--no-progress'], { cwd: folder });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (bytes) => (stdout += String(bytes)));
  child.stderr.on('data', (bytes) => (stderr += String(bytes)));
  return new Promise((resolve) =>
    child.on('close', (code) => resolve({ code, stdout, stderr: stderr.replace(/^Warning: maxDynamic.*\n/gm, '') })),
  );
}

test('measures two ops, writes both files, and compares with itself and with something faster', async () => {
  const ended = await bench(
    '--ops',
    'scale,scatter',
    '--no-peers',
    '--clock',
    'processor',
    '--quick',
    '--json',
    'now.json',
    '--html',
    'now.html',
  );
  expect(ended).toMatchObject({ code: 0, stderr: '' });
  expect(ended.stdout).toMatch(/multiply-add +f32 [\d.]+ GFLOP\/s/);
  expect(ended.stdout).toMatch(/^scale +1024×16 of 32 columns +[\d.]/m);

  const record = JSON.parse(readFileSync(join(folder, 'now.json'), 'utf8')) as BenchRecord;
  expect(record.rows.map((row) => row.op)).toEqual(['scale', 'scatter']);
  for (const row of record.rows) {
    for (const key of ['ms', 'best', 'call', 'gbps', 'share'] as const) expect(row[key], key).toBeGreaterThan(0);
    expect(row.best).toBeLessThanOrEqual(row.ms);
    expect(row).toMatchObject({ variant: row.op, dispatches: 1, peers: {}, failed: {} });
  }
  const { f32, copy, kernelCopy, dispatch, submit } = record.calibration;
  for (const rate of [f32, copy, kernelCopy, dispatch, submit]) expect(rate).toBeGreaterThan(0);
  expect(record.clock).toMatch(/^processor time over \d+ cores$/);
  expect(readFileSync(join(folder, 'now.html'), 'utf8')).toContain('<svg');

  const same = await bench('--from', 'now.json', '--compare', 'now.json');
  expect(same).toMatchObject({ code: 0, stderr: '' });
  expect(same.stdout).toContain('0 of 2 rows are under 0.9× what they were');

  const rows = record.rows.map((row) => ({ ...row, share: 2 * row.share }));
  writeFileSync(join(folder, 'before.json'), JSON.stringify({ ...record, rows }));
  const slow = await bench('--from', 'now.json', '--compare', 'before.json');
  expect(slow).toMatchObject({ code: 1, stderr: '' });
  expect(slow.stdout).toContain('2 of 2 rows are under 0.9× what they were');
  expect(await bench('--from', 'now.json', '--compare', 'before.json', '--bound', '0.4')).toMatchObject({ code: 0 });
});

test.each([
  [['--ops', 'linaer'], 2, /^overtone: --ops must name ops of the benchmark \(.*\) but names "linaer"\n$/],
  [['--ops', 'linear,'], 2, /^overtone: --ops must be names separated by commas but is "linear,"\n$/],
  [['--bound', 'fast'], 2, /^overtone: --bound must be a number from 0 up but is "fast"\n$/],
  [
    ['--clock', 'sun'],
    2,
    /^overtone: option '--clock <kind>' argument 'sun' is invalid\. Allowed choices are wall, processor\.\n/,
  ],
  [['--compare', 'none.json'], 1, /^overtone: none\.json: cannot be read: .*\n$/],
  [['--from', 'none.json'], 1, /^overtone: none\.json: cannot be read: .*\n$/],
  [['--ops', 'scale', '--json', 'none/now.json'], 1, /^overtone: none\/now\.json: cannot be written: .*\n$/],
] as const)('%j is refused in a sentence', async (args, code, sentence) => {
  const ended = await bench(...args);
  expect(ended.stderr).toMatch(sentence);
  expect(ended).toMatchObject({ code, stdout: '' });
});

test('help has an example', async () => {
  const { code, stdout } = await bench('--help');
  expect(code).toBe(0);
  expect(stdout).toContain('npm run bench -- --quick --json now.json');
});
