/** Signals to the process that npm starts, and to its whole group: everything ends within a second, and nothing is left of it. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Ids of the processes of this group that are alive. */
function alive(group: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const [state, , of] = readFileSync(`/proc/${pid}/stat`, 'utf8')
          .replace(/^.*\) /, '')
          .split(' ');
        return Number(of) === group && state !== 'Z';
      } catch {
        return false;
      }
    })
    .map(Number);
}

it.runIf(process.platform === 'linux').each([
  ['SIGTERM', 'npm', 143],
  ['SIGHUP', 'npm', 129],
  ['SIGTERM', 'group', 143],
  ['SIGINT', 'group', 130],
] as const)('%s to %s', { timeout: 60_000 }, async (signal, whom, code) => {
  const folder = mkdtempSync(join(tmpdir(), 'overtone-npm-'));
  const args = [
    'start',
    '--',
    'text2image',
    '--num-iter',
    '64',
    '--timesteps',
    '1000',
    '--output',
    join(folder, 'a.png'),
  ];
  const child = spawn('npm', args, { cwd: root, detached: true, env: { ...process.env, CI: 'true' } });
  onTestFinished(() => {
    try {
      process.kill(-child.pid!, 'SIGKILL');
    } catch {
      // gone, as it should be
    }
    rmSync(folder, { recursive: true, force: true });
  });
  let heard = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => (heard += String(bytes)));
  const ended = new Promise<number | string | null>((resolve) =>
    child.on('close', (status, by) => resolve(status ?? by)),
  );
  await expect.poll(() => heard, { timeout: 30_000 }).toContain('Iterations');
  const began = performance.now();
  process.kill(whom === 'npm' ? child.pid! : -child.pid!, signal);
  if (signal === 'SIGINT') setTimeout(() => process.kill(-child.pid!, signal), 250);
  expect([code, signal]).toContain(await ended);
  await expect.poll(() => alive(child.pid!), { timeout: 1000, interval: 20 }).toEqual([]);
  expect(performance.now() - began).toBeLessThan(1500);
  expect(readdirSync(folder)).toEqual([]);
});
