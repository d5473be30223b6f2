/** Losses that follow each other: the pauses before each try, and whose the error is in the end. */
import { expect, test } from 'vitest';
import { AbortError, ArgumentError, GpuError } from '../../../src/engine/index.ts';
import type { GenerateOptions, Harmon } from '../../../src/harmon/index.ts';
import { LastingHarmon, type Loss } from '../../../src/harmon/lasting.ts';

const lost = (n = 0) => new GpuError('lost', 'step', `[step] loss ${n}`);
const picture = { width: 16, height: 16, data: new Uint8Array(768), prompt: 'x', seed: 1 };

/** A model whose tasks take `ms` of the clock and then do `task`. */
function setUp(task: (n: number) => void, ms = 0, open: (n: number) => void = () => undefined) {
  let clock = 0;
  let calls = 0;
  let opened = 0;
  const slept: number[] = [];
  const losses: Loss[] = [];
  const givenUp: Error[] = [];
  const model = () =>
    ({
      generate: async () => {
        clock += ms;
        task(++calls);
        return [picture];
      },
    }) as unknown as Harmon;
  const lasting = new LastingHarmon(model(), {
    open: async () => {
      open(++opened);
      return model();
    },
    now: () => clock,
    sleep: async (pause) => {
      clock += pause;
      slept.push(pause / 1000);
    },
    onLoss: (loss) => losses.push(loss),
    onGiveUp: (error) => givenUp.push(error),
  });
  const generate = (options: Partial<GenerateOptions> = {}) => lasting.generate({ prompt: 'x', ...options });
  return { generate, slept, losses, givenUp, opened: () => opened };
}

const fail = (error: Error) => {
  throw error;
};

test('a loss that stands alone is answered at once', async () => {
  const { generate, slept, losses } = setUp((n) => n === 1 && fail(lost()));
  expect(await generate()).toEqual([picture]);
  expect(slept).toEqual([]);
  expect(losses).toEqual([{ error: lost(), pause: 0 }]);
});

test('losses within a minute are answered after 2, 10, 30, 60 and 120 seconds; the next one is the caller’s', async () => {
  const { generate, slept, losses, opened } = setUp((n) => fail(lost(n)));
  await expect(generate()).rejects.toThrow('loss 7');
  expect(slept).toEqual([2, 10, 30, 60, 120]);
  expect(losses.map(({ error }) => error.message)).toEqual([1, 2, 3, 4, 5, 6].map((n) => lost(n).message));
  expect(opened()).toBe(6);
});

test('a model that was given up says so once, and is opened again for the next task', async () => {
  const none = new GpuError('no-adapter', 'device', '[device] none');
  const { generate, slept, givenUp } = setUp(
    (n) => {
      if (n === 1) throw lost();
      if (n === 2) throw new ArgumentError('[harmon] destroyed');
    },
    0,
    (n) => n <= 6 && fail(none),
  );
  await expect(generate()).rejects.toThrow(none);
  expect(givenUp).toEqual([none]);
  expect(slept).toEqual([2, 10, 30, 60, 120]);
  expect(await generate()).toEqual([picture]);
  expect(givenUp).toEqual([none]);
  expect(slept.length).toBe(5);
});

test('a failure of another kind while it is opened again is the caller’s, and told', async () => {
  const full = new GpuError('out-of-memory', 'weights', '[weights] full');
  const { generate, givenUp } = setUp(
    (n) => n === 1 && fail(lost()),
    0,
    (n) => n === 1 && fail(full),
  );
  await expect(generate()).rejects.toThrow(full);
  expect(givenUp).toEqual([full]);
});

test('after a minute of work a loss stands alone again', async () => {
  const { generate, slept } = setUp((n) => n < 9 && fail(lost()), 61_000);
  await generate();
  expect(slept).toEqual([]);
});

test('other errors are the caller’s at once', async () => {
  const { generate, opened } = setUp(() => fail(new ArgumentError('no')));
  await expect(generate()).rejects.toThrow(ArgumentError);
  expect(opened()).toBe(0);
});

test('tasks that the same loss ends share one new model, and one that is cancelled leaves the others theirs', async () => {
  const { generate, opened } = setUp((n) => n <= 3 && fail(lost()));
  const abort = new AbortController();
  const [first, second, third] = [generate(), generate({ signal: abort.signal }), generate()];
  abort.abort();
  await expect(second).rejects.toThrow(AbortError);
  expect(await Promise.all([first, third])).toEqual([[picture], [picture]]);
  expect(opened()).toBe(1);
});
