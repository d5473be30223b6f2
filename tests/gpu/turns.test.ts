/** Who calls what when: callbacks, readers who stop, models destroyed under their callers. Nothing waits for ever, nothing changes a result. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { openDevice } from '../../node/device.ts';
import { ArgumentError, type Device, Graph, compile, createSession, silu } from '../../src/engine/index.ts';
import type { DescribeOptions, GenerateOptions, Harmon, Picture } from '../../src/harmon/index.ts';
import { formulaPicture } from '../support/formula.ts';
import { smallHarmon } from '../support/small_model.ts';

let device: Device;
let harmon: Harmon;

beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());
beforeEach(() => {
  harmon = smallHarmon(device);
});
afterEach(() => {
  harmon.destroy();
  expect(device.totalBytes, 'what a destroyed model holds').toBe(device.ownBytes);
});

const nothing = { weights: 0, activations: 0, state: 0 };

const make = async (options: Partial<GenerateOptions> = {}): Promise<Picture> =>
  (await harmon.generate({ prompt: 'a dog', iterations: 3, timesteps: 3, seed: 5, ...options }))[0];
const picture = formulaPicture(32);
const ask = () => harmon.describe(picture, { maxNewTokens: 6 });

async function words(answer: AsyncIterable<string>): Promise<string> {
  let text = '';
  for await (const piece of answer) text += piece;
  return text;
}

const soon = <T>(promise: Promise<T>): Promise<T | 'pending'> =>
  Promise.race([promise, new Promise<'pending'>((resolve) => setTimeout(() => resolve('pending'), 5000))]);

test('a preview nobody waits for changes nothing, and comes', async () => {
  const alone = await make();
  const previews: Promise<Picture[]>[] = [];
  const watched = await make({ onIteration: ({ preview }) => void previews.push(preview(), preview()) });
  expect(watched.data).toEqual(alone.data);
  expect((await Promise.all(previews)).map((p) => p.length)).toEqual([1, 1, 1, 1, 1, 1]);
  expect((await previews[5])[0].data).toEqual(alone.data);
});

test('a preview asked for between callbacks comes with the next one; after the run it is refused', async () => {
  const alone = await make();
  let late: (() => Promise<Picture[]>) | undefined;
  const asked: Promise<Picture[]>[] = [];
  const onIteration: GenerateOptions['onIteration'] = ({ done, preview }) => {
    late = preview;
    if (done === 1) setTimeout(() => asked.push(preview()), 0);
    return new Promise((resolve) => setTimeout(resolve, done === 2 ? 20 : 0));
  };
  expect((await make({ onIteration })).data).toEqual(alone.data);
  expect((await Promise.all(asked)).length).toBe(1);
  await expect(soon(late!())).rejects.toThrow('[preview] must be asked for while its run lasts');
});

test('a task started inside a callback of its own model is refused, not waited for', async () => {
  const inner: unknown[] = [];
  const onIteration = async () => {
    const tasks: Promise<unknown>[] = [make(), words(ask())];
    inner.push(...(await Promise.all(tasks.map((task) => task.catch(String)))));
  };
  expect(await soon(make({ onIteration, iterations: 1 }))).not.toBe('pending');
  expect(inner).toEqual([
    expect.stringContaining('[generate] must not be called inside a callback'),
    expect.stringContaining('[describe] must not be called inside a callback'),
  ]);
});

test('a picture made while an answer is read', async () => {
  const [answer, alone] = [await words(ask()), await make()];
  let text = '';
  for await (const piece of ask()) {
    text += piece;
    expect((await soon(make())) !== 'pending' && (await make()).data).toEqual(alone.data);
  }
  expect(text).toBe(answer);
});

test('an answer that nobody reads on keeps no turn', async () => {
  await ask().next();
  expect(await soon(make())).not.toBe('pending');
  for await (const _ of ask()) break;
  expect(await soon(words(ask()))).not.toBe('pending');
});

test('destroy turns away who waits and who comes', async () => {
  const before: Promise<unknown>[] = [make({ iterations: 4 }), make(), words(ask())];
  const settled = Promise.allSettled(before);
  await new Promise((resolve) => setTimeout(resolve, 5));
  harmon.destroy();
  const after = Promise.allSettled<unknown>([make(), words(ask())]);
  for (const outcome of [...(await soon(settled)), ...(await after)])
    expect(outcome).toMatchObject({
      status: 'rejected',
      reason: { message: expect.stringContaining('[harmon] the model must live until its tasks end') as unknown },
    });
});

test('requests that are refused leave nothing behind', async () => {
  for (const [options, message] of [
    [{ timesteps: 1 }, '[timesteps]'],
    [{ timesteps: NaN }, '[timesteps]'],
    [{ guidance: 1e308 }, '[generate] guidance'],
    [{ temperature: -1 }, '[generate] temperature'],
    [{ prompt: 3 as unknown as string }, '[generate] a prompt must be a text'],
    [{ seed: Number.MAX_SAFE_INTEGER, count: 2 }, '[seed]'],
    [{ imageSize: [16] as unknown as [number, number] }, '[image size]'],
    [{ promt: 'a cat' } as Partial<GenerateOptions>, 'did you mean prompt?'],
  ] as const) {
    await expect(make(options)).rejects.toThrow(message);
    expect(device.bytes, message).toMatchObject(nothing);
    expect(device.totalBytes, message).toBe(device.ownBytes);
  }
  await expect(harmon.generate(undefined as unknown as GenerateOptions)).rejects.toThrow('[generate] options');
  await expect(words(harmon.describe(undefined as unknown as Picture))).rejects.toThrow('[describe] picture');
  const misspelt = { maxTokens: 4 } as DescribeOptions;
  await expect(words(harmon.describe(picture, misspelt))).rejects.toThrow('did you mean maxNewTokens?');
  expect(device.bytes).toMatchObject(nothing);
  expect(device.totalBytes).toBe(device.ownBytes);
});

test('our own refusals inside a GPU step keep their kind', async () => {
  const graph = new Graph('g');
  graph.output('y', silu(graph.input('x', [4, 8])));
  const small = await device.scope('small', () => device.createStorage('x', 16, 'activations'));
  const made = createSession(device, compile(graph), { buffers: { x: small } });
  await expect(made).rejects.toThrow(ArgumentError);
  await expect(made).rejects.toThrow('[g] buffer x must hold 128 bytes but holds 16');
  small.destroy();
  const session = await createSession(device, compile(graph));
  await expect(session.read('z')).rejects.toThrow('[g] z must be an input, a state or an output; there are x, y');
  session.destroy();
});
