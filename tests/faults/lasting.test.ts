/** The device of a small model is lost at every GPU call in turn: the run goes on with a fresh one, and every bit is as if nothing had been. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AbortError, type Device } from '../../src/engine/index.ts';
import { type GenerateOptions, LastingHarmon } from '../../src/harmon/index.ts';
import { every, held, points, within } from '../support/every_fault.ts';
import { type Fault, type FaultyDevice, closeRealDevice, faultyDevice } from '../support/faulty_device.ts';
import { formulaPicture } from '../support/formula.ts';
import { type Outcome, type SmallModel, difference, openSmall, useSmall } from '../support/small_model.ts';

interface Lasting {
  readonly harmon: LastingHarmon;
  readonly hosts: FaultyDevice[];
  readonly devices: Device[];
  close(): Promise<void>;
}

/** A lasting model whose n-th device has the n-th fault, and the later ones none. */
async function openLasting(...faults: readonly Fault[]): Promise<Lasting> {
  const hosts: FaultyDevice[] = [];
  const devices: Device[] = [];
  let model: SmallModel | undefined;
  const open = async () => {
    model?.close();
    model = undefined;
    const host = await faultyDevice(faults[hosts.length]);
    hosts.push(host);
    model = await openSmall(host);
    devices.push(model.device);
    return model.harmon;
  };
  const clock = { now: () => performance.now(), sleep: () => Promise.resolve() };
  const harmon = new LastingHarmon(await open(), { ...clock, open });
  const close = async () => {
    model?.close();
    for (const [i, host] of hosts.entries()) expect(await held(host, i === 0 ? devices : [])).toBeUndefined();
  };
  return { harmon, hosts, devices, close };
}

let expected: Outcome;
/** Calls of an undisturbed run, without those that open the device. */
let calls: readonly string[];
let opening: number;

beforeAll(async () => {
  const lasting = await openLasting();
  opening = lasting.hosts[0].calls.length;
  expected = await useSmall(lasting);
  calls = lasting.hosts[0].calls.slice(opening);
  await lasting.close();
});
afterAll(closeRealDevice);

test(
  'a loss at any call while loading, compiling, making a picture, decoding it or answering changes no bit',
  async () => {
    const problems: string[] = [];
    let lost = 0;
    for (const mode of ['lost, silent', 'lost, polite'] as const)
      for (const n of points(calls, 3, mode === 'lost, silent' ? 0 : 1)) {
        const lasting = await openLasting({ at: opening + n, mode });
        const differs = await within(20_000, useSmall(lasting)).then(
          (outcome) => difference(expected, outcome),
          (error: unknown) => String(error),
        );
        if (differs) problems.push(`${mode} at ${n} (${calls[n - 1]}): ${differs}`);
        lost += lasting.hosts.length - 1;
        await lasting.close();
      }
    console.log(`${lost} losses survived`);
    expect(problems).toEqual([]);
    expect(lost).toBeGreaterThan(every ? 800 : 20);
  },
  every ? 3_600_000 : 240_000,
);

const four = { prompt: ['a dog', 'a cat', 'a fox'], batchSize: 2, iterations: 4, timesteps: 3, seed: 7 } as const;
const edit = { picture: formulaPicture(40, 32), mask: { width: 3, height: 1, data: Uint8Array.of(0, 255, 255) } };

test.each<[string, GenerateOptions]>([
  ['a batch and a half', four],
  ['an edit', { prompt: 'a dog', edit, iterations: 4, timesteps: 3, seed: 7 }],
])('%s goes on at its last iteration, whichever that is', async (_, options) => {
  const whole = await openLasting();
  const pictures = await whole.harmon.generate(options);
  await whole.close();
  const total = 4 * Math.ceil(pictures.length / 2);
  for (let k = 1; k <= total; k++) {
    const lasting = await openLasting();
    const seen: number[] = [];
    const again = await lasting.harmon.generate({
      ...options,
      onIteration: ({ done }) => {
        seen.push(done);
        if (done === k && lasting.hosts.length === 1) lasting.hosts[0].lose();
      },
    });
    expect(seen, `lost at ${k}`).toEqual(Array.from({ length: total }, (_, i) => i + 1));
    expect(lasting.hosts.length).toBe(2);
    again.forEach((picture, i) => expect(Buffer.compare(picture.data, pictures[i].data), `lost at ${k}`).toBe(0));
    await lasting.close();
  }
});

test('an answer goes on at its last word, and no word is told twice', async () => {
  for (let k = 1; k <= expected.ids.length; k++) {
    const lasting = await openLasting();
    const ids: number[] = [];
    const onToken = (id: number) => {
      ids.push(id);
      if (ids.length === k && lasting.hosts.length === 1) lasting.hosts[0].lose();
    };
    let text = '';
    for await (const piece of lasting.harmon.describe(formulaPicture(32), { maxNewTokens: 3, onToken })) text += piece;
    expect([ids, text], `lost at ${k}`).toEqual([expected.ids, expected.text]);
    await lasting.close();
  }
});

test('a state of another run is refused, and one that is cancelled stays cancelled', async () => {
  const lasting = await openLasting();
  const make = { prompt: 'a dog', iterations: 2, timesteps: 3, seed: 7 } as const;
  const states: GenerateOptions['resume'][] = [];
  await lasting.harmon.generate({ ...make, onIteration: async ({ state }) => void states.push(await state()) });
  for (const other of [{ seed: 8 }, { iterations: 1 }, { imageSize: 48 }, { count: 2 }] as const)
    await expect(lasting.harmon.generate({ ...make, ...other, resume: states[1] })).rejects.toThrow('same options');
  const resume = JSON.parse('{"iterations":1}') as GenerateOptions['resume'];
  await expect(lasting.harmon.generate({ ...make, resume })).rejects.toThrow('same options');
  const abort = new AbortController();
  const onIteration = () => {
    lasting.hosts[0].lose();
    abort.abort();
  };
  await expect(lasting.harmon.generate({ ...make, onIteration, signal: abort.signal })).rejects.toThrow(AbortError);
  expect((await lasting.harmon.generate(make)).length).toBe(1); // the model was opened again all the same
  await lasting.close();
});
