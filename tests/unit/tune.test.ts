/** The tuner's decisions and its memory: which variant wins, and what of a kept text is believed. */
import { describe, expect, test } from 'vitest';
import { type Choices, type TuneStore, readTuned, writeTuned } from '../../src/engine/index.ts';
import { type ChooseOptions, type TimedChoice, chooseVariants } from '../../src/engine/tune_choose.ts';

const variant = (name: string, ms: number, kernel = name) => ({ name, ms, kernels: new Set([kernel]) });

function choose(choices: readonly TimedChoice[], options: Partial<ChooseOptions> = {}): Record<string, string> {
  const users = new Map<string, ReadonlySet<string>>();
  return Object.fromEntries(chooseVariants(choices, { compile: new Map(), users, tasks: 10, ...options }));
}

describe('which variant wins', () => {
  test('the fastest', () => {
    const variants = [variant('a', 3), variant('b', 2), variant('c', 1)];
    expect(choose([{ key: 'k', variants }])).toEqual({ k: 'c' });
  });

  test('the default, unless another is faster by more than noise', () => {
    expect(choose([{ key: 'k', variants: [variant('a', 100), variant('b', 98)] }])).toEqual({ k: 'a' });
    expect(choose([{ key: 'k', variants: [variant('a', 100), variant('b', 96)] }])).toEqual({ k: 'b' });
  });

  test('a kernel that compiles for 4 s does not win 1 ms in ten tasks, but does in ten thousand', () => {
    const choices = [{ key: 'k', variants: [variant('a', 2), variant('b', 1)] }];
    const compile = new Map([
      ['a', 100],
      ['b', 4000],
    ]);
    expect(choose(choices, { compile })).toEqual({ k: 'a' });
    expect(choose(choices, { compile, tasks: 10_000 })).toEqual({ k: 'b' });
  });

  test('a kernel that something else needs anyway costs nothing more', () => {
    const choices = [{ key: 'k', variants: [variant('a', 2), variant('b', 1)] }];
    const compile = new Map([['b', 4000]]);
    expect(choose(choices, { compile, users: new Map([['b', new Set(['another plan'])]]) })).toEqual({ k: 'b' });
    expect(choose(choices, { compile, users: new Map([['b', new Set(['k'])]]) })).toEqual({ k: 'a' });
  });

  test('who has most to gain pays for a kernel that others then share', () => {
    const own = (key: string, ms: number) => ({ key, variants: [variant('a', ms), variant('b', ms / 2)] });
    const compile = new Map([['b', 300]]);
    expect(choose([own('small', 2)], { compile })).toEqual({ small: 'a' });
    expect(choose([own('small', 2), own('large', 200)], { compile })).toEqual({ large: 'b', small: 'b' });
  });
});

const device = { adapter: { vendor: 'v', architecture: 'a', device: 'd', driver: 'd 1' } };
const setting = { device, runtime: 'Dawn 1', kernels: 'abc' };

function memoryStore(text?: string): TuneStore & { text: string | undefined } {
  const store = {
    text,
    get: () => Promise.resolve(store.text),
    set(next: string) {
      store.text = next;
      return Promise.resolve();
    },
  };
  return store;
}

const some: Choices = new Map([['linear rows=1: a b', 'b']]);

describe('what is kept', () => {
  test('is found again by the same adapter, driver, runtime and kernels only', async () => {
    const store = memoryStore();
    await writeTuned(store, setting, some);
    expect(await readTuned(store, setting)).toEqual(some);
    const others = [
      { ...setting, runtime: 'Dawn 2' },
      { ...setting, kernels: 'abd' },
      { ...setting, device: { adapter: { ...device.adapter, driver: 'd 2' } } },
      { ...setting, device: { adapter: { ...device.adapter, architecture: 'b' } } },
    ];
    for (const other of others) expect((await readTuned(store, other)).size).toBe(0);
    await writeTuned(store, others[0], new Map([['x', 'y']]));
    expect(await readTuned(store, setting)).toEqual(some);
  });

  test('is bounded: the settings written last stay', async () => {
    const store = memoryStore();
    for (let i = 0; i < 20; i++) await writeTuned(store, { ...setting, kernels: `k${i}` }, some);
    expect((await readTuned(store, { ...setting, kernels: 'k3' })).size).toBe(0);
    expect((await readTuned(store, { ...setting, kernels: 'k19' })).size).toBe(1);
    const many = new Map(Array.from({ length: 2000 }, (_, i) => [`${i}`.padStart(390, 'x'), 'y'] as const));
    for (let i = 0; i < 4; i++) await writeTuned(store, { ...setting, kernels: `m${i}` }, many);
    expect(store.text!.length).toBeLessThanOrEqual(1 << 20);
    expect((await readTuned(store, { ...setting, kernels: 'm3' })).size).toBe(2000);
  });

  const written = (json: unknown) => JSON.stringify(json);
  const of = 'v | a | d | d 1 | Dawn 1 | abc';
  test.each([
    ['nothing', ''],
    ['half of it', '{"version":1,"settings":[{"of":"v | a'],
    ['another kind of JSON', '[1,2]'],
    ['null', 'null'],
    ['another version', written({ version: 2, settings: [{ of, choices: { a: 'b' } }] })],
    ['settings that are no list', written({ version: 1, settings: { of } })],
    ['null settings', written({ version: 1, settings: [null, 3, 'x', []] })],
    ['choices that are a list', written({ version: 1, settings: [{ of, choices: ['a', 'b'] }] })],
    ['answers that are no names', written({ version: 1, settings: [{ of, choices: { a: 1, b: null, c: {} } }] })],
    ['names without end', written({ version: 1, settings: [{ of, choices: { a: 'x'.repeat(401) } }] })],
    ['brackets without end', '['.repeat(200_000)],
    [
      'more than a store holds',
      `${written({ version: 1, settings: [{ of, choices: { a: 'b' } }] })}${' '.repeat(1 << 20)}`,
    ],
  ])('of a broken or hostile text nothing: %s', async (_, text) => {
    const store = memoryStore(text);
    expect((await readTuned(store, setting)).size).toBe(0);
    await writeTuned(store, setting, some);
    expect(await readTuned(store, setting)).toEqual(some);
  });

  test('of a text with good and bad answers the good ones, and no more of an object than its own keys', async () => {
    const text = `{"version":1,"settings":[{"of":"${of}","choices":{"__proto__":"p","a":"b","c":7}}]}`;
    const choices = await readTuned(memoryStore(text), setting);
    expect([...choices]).toEqual([
      ['__proto__', 'p'],
      ['a', 'b'],
    ]);
  });

  test('a store that fails gives nothing to a reader, and its error to a writer', async () => {
    const failing: TuneStore = {
      get: () => Promise.reject(new Error('no disk')),
      set: () => Promise.reject(new Error('no disk')),
    };
    expect((await readTuned(failing, setting)).size).toBe(0);
    await expect(writeTuned(failing, setting, some)).rejects.toThrow('no disk');
  });
});
