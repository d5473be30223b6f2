/** `overtone tune` as its users meet it: what it prints and keeps, and that later runs use it. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { overtone, start } from './overtone.ts';

interface Report {
  readonly adapter: string;
  readonly file: string;
  readonly known: number;
  readonly tuned: readonly { key: string; chosen: string; variants: readonly { name: string; ms?: number }[] }[];
  readonly left: readonly string[];
}

const SMALL = ['--image-size', '32', '--num-iter', '2'];

it('times variants once, keeps the winners, and later runs make the same picture with them', async () => {
  const { folder, ended } = start(['text2image', ...SMALL, '--seed', '3', '--timesteps', '4', '--output', 'usual.png']);
  expect((await ended).code).toBe(0);
  const file = join(folder, 'cache', 'tune.json');
  const env = { OVERTONE_TUNE_FILE: file };

  const tuned = await overtone(['tune', ...SMALL, '--json', '--budget', '60'], { env });
  expect(tuned.code, tuned.stderr).toBe(0);
  const report = JSON.parse(tuned.stdout) as Report;
  expect(report).toMatchObject({ file, known: report.tuned.length });
  expect(report.tuned.length).toBeGreaterThan(0);
  for (const { key, variants, chosen } of report.tuned) {
    expect(variants.map(({ name }) => name)).toContain(chosen);
    expect(key.slice(key.indexOf(': ') + 2).split(' ')).toHaveLength(variants.length);
  }
  expect(readFileSync(file, 'utf8')).toContain(report.tuned[0].key);

  // a second time there is nothing to do but what was left
  const again = await overtone(['tune', ...SMALL, '--budget', '0'], { env });
  expect(again.stdout).toMatch(
    new RegExp(`^Adapter .*\\nTimed +0 choices, 0 better than the default; ${report.known} known\\n`),
  );

  // every variant of a key that counts rows: the same picture, whatever was chosen
  const kept = JSON.parse(readFileSync(file, 'utf8')) as { settings: { choices: Record<string, string> }[] };
  const { choices } = kept.settings[0];
  for (const key of Object.keys(choices)) {
    const variants = report.tuned.find((t) => t.key === key)!.variants.filter(({ ms }) => ms !== undefined);
    choices[key] = variants.at(-1)!.name;
  }
  writeFileSync(file, JSON.stringify(kept));
  const args = ['text2image', ...SMALL, '--seed', '3', '--timesteps', '4', '--output'];
  for (const [name, more] of [
    ['tuned.png', []],
    ['untuned.png', ['--no-tune']],
  ] as const) {
    const made = await overtone([...args, join(folder, name), ...more], { env });
    expect(made.code, made.stderr).toBe(0);
    if (Object.keys(choices).every((key) => / rows[=≤]/.test(key)) || more.length > 0)
      expect(readFileSync(join(folder, name)).equals(readFileSync(join(folder, 'usual.png'))), name).toBe(true);
  }
}, 240_000);

it('ignores a file that is none of its own, and writes it anew', async () => {
  const { folder, ended } = start(['--version']);
  await ended;
  const file = join(folder, 'tune.json');
  writeFileSync(file, '{"version":1,"settings":[{"of":7}');
  const { code, stdout, stderr } = await overtone(['tune', ...SMALL, '--budget', '60', '--clock', 'processor'], {
    env: { OVERTONE_TUNE_FILE: file },
  });
  expect(code, stderr).toBe(0);
  expect(stdout).toMatch(/^op +for +variant +ms +compile ms +chosen\n/);
  expect(stdout).toContain(`File     ${file}`);
  expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ version: 1 });
}, 240_000);

it('stops at once on Ctrl-C and keeps nothing', async () => {
  const run = start(['tune', '--verbose'], { env: { OVERTONE_TUNE_FILE: 'tune.json' } });
  await run.said('Timing variants');
  run.child.kill('SIGINT');
  expect((await run.ended).code).toBe(130);
  expect(existsSync(join(run.folder, 'tune.json'))).toBe(false);
}, 60_000);
