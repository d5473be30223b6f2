/**
 * kill -9 at random moments of `convert` and `batch`: every file under its final name is whole, and the next run goes on. OVERTONE_KILLS sets
 * how often; what was killed is printed after every 20th.
 */
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { overtone, start } from './overtone.ts';

const kills = Number(process.env.OVERTONE_KILLS ?? 4);
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'overtone-kill-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const output = () => join(folder, 'made');
const PART = /^\.overtone-.*\.part$/;

/** What stands under final names, as text. */
function contents(): Record<string, string> {
  let names: string[] = [];
  try {
    names = readdirSync(output()).filter((name) => !PART.test(name));
  } catch {
    // not even begun
  }
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(output(), name), 'latin1')]));
}

/** Resolves when the first file is there, or the run is over. */
async function begun(ended: Promise<unknown>): Promise<void> {
  let isOver = false;
  void ended.then(() => (isOver = true));
  while (!isOver && Object.keys(contents()).length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
}

test.each([
  ['convert', ['--shard-size', '5'], ''],
  [
    'batch',
    '- --num-iter 2 --timesteps 4 --image-size 32 --batch-size 1'.split(' '),
    JSON.stringify(Array.from({ length: 12 }, (_, i) => ({ prompt: `${i} dogs`, i }))),
  ],
] as const)('%s', { timeout: 60_000 + kills * 20_000 }, async (command, options, input) => {
  const args = [command, ...options, '--output', output(), '--no-progress'];
  const began = performance.now();
  const first = start(args, { input });
  await begun(first.ended);
  const silent = performance.now() - began;
  expect((await first.ended).code).toBe(0);
  const writing = performance.now() - began - silent;
  const whole = contents();
  rmSync(output(), { recursive: true });

  const counts = { killed: 0, before: 0, between: 0, finished: 0 };
  while (counts.killed < kills) {
    const run = start(args, { input });
    // most of a run is silent: half of the kills wait for the first file
    const waits = Math.random() < 0.5;
    if (waits) await begun(run.ended);
    const timer = setTimeout(() => run.child.kill('SIGKILL'), Math.random() * (waits ? writing : silent));
    const { code } = await run.ended;
    clearTimeout(timer);
    const found = contents();
    for (const [name, text] of Object.entries(found)) expect(text === whole[name], `${name} is whole`).toBe(true);
    if (code === 0) {
      expect(found).toEqual(whole);
      counts.finished++;
    } else {
      expect(code).toBe('SIGKILL');
      counts.killed++;
      const share = Object.keys(found).length / Object.keys(whole).length;
      if (share === 0) counts.before++;
      else if (share < 1) counts.between++;
      if (counts.killed % 20 === 0 || counts.killed === kills) console.log(`${command}: ${JSON.stringify(counts)}`);
    }
    // each third time the next run goes on from what is there
    if (code === 0 || counts.killed % 3 === 0) rmSync(output(), { recursive: true, force: true });
  }
  expect((await overtone(args, { input })).code).toBe(0);
  expect(contents()).toEqual(whole);
});
