/**
 * Long use of one process takes no more than short use: models opened, asked and destroyed, and one model asked again and again. By default
 * a few times; OVERTONE_SOAK=full does it 50 and 200 times.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import type { Held, Soak } from '../soak/main.ts';

const MAIN = fileURLToPath(new URL('../../dist/tests/soak/main.js', import.meta.url));
const [opens, asks] = process.env.OVERTONE_SOAK === 'full' ? [50, 200] : [8, 10];
/** Runs before the first measure, for caches that fill once: the driver's, the compiler's. */
const WARM = 5;

function expectFlat(name: string, all: readonly Held[], tracked: number): void {
  const [first, last] = [all[WARM - 1], all.at(-1)!];
  const grown = (key: keyof Held) => last[key] - first[key];
  const mb = (bytes: number) => `${(bytes / 1e6).toFixed(2)} MB`;
  console.log(
    `${name} ${all.length} times, since the ${WARM}th: tracked ${mb(grown('tracked'))}, heap ${mb(grown('heap'))}, resident ${mb(grown('resident'))}`,
  );
  for (const one of all.slice(WARM)) expect(one.tracked).toBe(tracked);
  expect(grown('heap')).toBeLessThan(1e6);
  expect(grown('resident')).toBeLessThan(32e6);
}

test(
  'models opened and destroyed, and one asked while another goes',
  { timeout: 60_000 + (opens + asks) * 8000 },
  async () => {
    const env = { ...process.env, MALLOC_ARENA_MAX: '1' };
    const { stdout } = await promisify(execFile)(process.execPath, [MAIN, opens, asks].map(String), { env });
    const { opened, asked } = JSON.parse(stdout) as Soak;
    expect([opened.length, asked.length]).toEqual([opens, asks]);
    expectFlat('open, describe, destroy', opened, 0);
    expectFlat('describe', asked, asked[WARM].tracked);
  },
);
