/**
 * Long use of one process takes no more than short use: models opened, asked and destroyed, and one model asked again and again. By default
 * a few times; OVERTONE_SOAK=full does it 50 and 200 times.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { openHarmon } from '../../node/model.ts';
import type { Harmon } from '../../src/harmon/index.ts';
import { formulaPicture } from '../support/formula.ts';

const [opens, asks] = process.env.OVERTONE_SOAK === 'full' ? [50, 200] : [8, 10];
/** Runs before the first measure, for caches that fill once: the driver's, the compiler's. */
const WARM = 5;
const picture = formulaPicture(40);

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

async function ask(harmon: Harmon): Promise<string> {
  let text = '';
  for await (const piece of harmon.describe(picture, { imageSize: 32, maxNewTokens: 4 })) text += piece;
  return text;
}

interface Held {
  readonly tracked: number;
  readonly heap: number;
  readonly resident: number;
}

async function held(harmon?: Harmon): Promise<Held> {
  for (let i = 0; i < 2; i++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    collect();
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  return { tracked: harmon?.device.totalBytes ?? 0, heap: heapUsed + external, resident: rss };
}

function expectFlat(name: string, all: readonly Held[]): void {
  const [first, last] = [all[WARM], all.at(-1)!];
  const grown = (key: keyof Held) => last[key] - first[key];
  const mb = (bytes: number) => `${(bytes / 1e6).toFixed(2)} MB`;
  console.log(
    `${name} ${all.length} times, since the ${WARM}th: tracked ${mb(grown('tracked'))}, heap ${mb(grown('heap'))}, resident ${mb(grown('resident'))}`,
  );
  expect(grown('tracked')).toBe(0);
  expect(grown('heap')).toBeLessThan(1e6);
  expect(grown('resident')).toBeLessThan(64e6);
}

test('models opened, asked and destroyed', { timeout: 30_000 + opens * 5000 }, async () => {
  const after: Held[] = [];
  let first: string | undefined;
  for (let i = 0; i < opens; i++) {
    const harmon = await openHarmon();
    const text = await ask(harmon);
    expect(text).toBe((first ??= text));
    harmon.destroy();
    expect(harmon.device.totalBytes).toBe(0);
    after.push(await held());
  }
  expectFlat('open, describe, destroy', after);
});

test('one model asked again and again, while another comes and goes', { timeout: 30_000 + asks * 3000 }, async () => {
  const harmon = await openHarmon();
  try {
    const other = await openHarmon();
    const text = await ask(harmon);
    expect(await ask(other)).toBe(text);
    other.destroy();
    const after: Held[] = [];
    for (let i = 0; i < asks; i++) {
      expect(await ask(harmon), 'the other model is gone').toBe(text);
      after.push(await held(harmon));
    }
    expectFlat('describe', after);
  } finally {
    harmon.destroy();
  }
});
