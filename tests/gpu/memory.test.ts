/** Little memory: what a task takes is known before, it is laid out so that it fits, and its bits stay as they are. */
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { openDevice } from '../../node/device.ts';
import type { Device } from '../../src/engine/index.ts';
import type { GenerateOptions, Harmon } from '../../src/harmon/index.ts';
import { describeShape } from '../../src/harmon/image2text.ts';
import { Harmon as HarmonClass } from '../../src/harmon/harmon.ts';
import type { MemoryNeed } from '../../src/harmon/arrangement.ts';
import { answerNeed, pictureNeed } from '../../src/harmon/planned.ts';
import { questionPrompt } from '../../src/harmon/prompts.ts';
import { seeded } from '../../src/harmon/random.ts';
import { generateJob } from '../../src/harmon/request.ts';
import { Text2Image, text2imagePlans, text2imageShape } from '../../src/harmon/text2image.ts';
import { weightSource } from '../../src/harmon/weight_source.ts';
import { formulaPicture, formulaUnit } from '../support/formula.ts';
import { tinyConfig, tinyTokenizer } from '../support/golden.ts';
import { tinyFile, tinyRuntime } from '../support/tiny_model.ts';

vi.setConfig({ testTimeout: 180_000 });

const APART = { frugal: true, apart: true, bands: true };
const ALL = { frugal: false, apart: false, bands: false };
const common = { prompt: 'a dog', imageSize: [48, 32], iterations: 3, timesteps: 3, seed: 5 } as const;

let device: Device;
let tiny: Awaited<ReturnType<typeof tinyFile>>;
let model: Harmon | undefined;

beforeAll(async () => {
  tiny = await tinyFile();
  device = await openDevice();
});
afterEach(() => {
  model?.destroy();
  expect(device.totalBytes).toBe(device.ownBytes);
});
afterAll(async () => {
  device.destroy();
  await tiny.close();
});

/** A model on the shared device in place of the one before, whose peak is measured from now on. */
function open(memory?: number): Harmon {
  model?.destroy();
  const options = { device, config: tinyConfig(), tokenizer: tinyTokenizer(), weights: tiny.file, memory };
  model = HarmonClass.open(options);
  device.peakBytes = device.totalBytes;
  return model;
}

const make = async (harmon: Harmon, options: Partial<GenerateOptions> = {}): Promise<string[]> =>
  (await harmon.generate({ ...common, ...options })).map(({ data }) => Buffer.from(data).toString('base64'));

async function say(harmon: Harmon): Promise<string> {
  let text = '';
  for await (const piece of harmon.describe(formulaPicture(50, 40), { imageSize: 32, maxNewTokens: 4 })) text += piece;
  return text;
}

const source = () => ({ device, config: tinyConfig(), source: weightSource(tiny.file) });

function pictureOf(how: typeof ALL, memory: number, pictures = 1): MemoryNeed {
  const job = generateJob({ ...common }, tinyConfig());
  return pictureNeed(source(), text2imageShape(job, pictures, 32), memory)(how, pictures);
}

function answerOf(how: typeof ALL, memory: number): MemoryNeed {
  const config = tinyConfig();
  const { prefix, suffix } = questionPrompt(tinyTokenizer(), config, config.question);
  const length = prefix.length + 4 + config.mar.bufferTokens + suffix.length;
  return answerNeed(source(), describeShape([2, 2], length, 4), memory)(how, 1);
}

const expectNear = (measured: number, planned: number) => {
  expect(measured).toBeLessThanOrEqual(planned);
  expect(measured).toBeGreaterThan(0.95 * planned);
};

/** The least that a picture can be made in. */
const least = () => pictureOf(APART, 0).total;

describe('a picture', () => {
  test('takes what is planned, with parts on the device for their phase only', async () => {
    await make(open());
    expectNear(device.peakBytes, pictureOf(ALL, Infinity).total);
    await make(open(least()));
    expectNear(device.peakBytes, least());
    expect(least()).toBeLessThan(0.65 * pictureOf(ALL, Infinity).total);
  });

  test('has the same bits, also after previews, and when the model makes another one', async () => {
    const expected = await make(open());
    const small = open(least());
    const onIteration: GenerateOptions['onIteration'] = async ({ preview }) => void (await preview());
    const [first, second] = [vi.fn(), vi.fn()];
    expect(await make(small, { onIteration, onLoad: first })).toEqual(expected);
    const loads = first.mock.calls.length;
    expect(await make(small, { onLoad: second })).toEqual(expected);
    expect([loads > 0, first.mock.calls.length - loads, second.mock.calls.length > 0]).toEqual([true, 0, true]);
    expect(device.peakBytes).toBeLessThanOrEqual(least());
  });

  test('goes on from a state that another layout has left', async () => {
    let state: GenerateOptions['resume'];
    const expected = await make(open(), {
      onIteration: async (progress) => {
        if (progress.done === 2) state = await progress.state();
      },
    });
    expect(await make(open(least()), { resume: state })).toEqual(expected);
  });

  test('is edited with the same bits', async () => {
    const picture = formulaPicture(48, 32);
    const mask = { width: 48, height: 32, data: new Uint8Array(48 * 32).fill(255, 0, 48 * 16) };
    const options = { imageSize: undefined, edit: { picture, mask } };
    expect(await make(open(1.1 * least()), options)).toEqual(await make(open(), options));
  });
});

test('the VAE goes over a picture in bands of rows with the same bits', async () => {
  const grid = [10, 8] as const;
  const tokens = Float32Array.from({ length: 80 * 16 }, (_, i) => 4 * formulaUnit('tokens', i) - 2);
  const orders = [Uint32Array.of(0)];
  const prompts = { ids: Uint32Array.of(1, 1), rows: 2, length: 1, lengths: [1, 1] };
  const shape = { grid, encoder: grid, pictures: 1, branches: 2, text: 32, timesteps: 2, predicted: 1 } as const;
  const both = [];
  for (const bands of [false, true]) {
    const runtime = { ...tinyRuntime(device, tiny.file), frugal: true, bands };
    const task = await Text2Image.open(runtime, shape, { apart: true });
    const job = { prompts, iterations: [], temperature: 1, orders, randomness: seeded(1, 1), given: tokens };
    await task.run(job);
    const pixels = await task.decodeRaw(0);
    const { activations } = device.bytes;
    const { decode } = text2imagePlans(runtime, shape).plans;
    const latents = await task.encode(formulaPicture(128, 160));
    both.push({ pixels: Buffer.from(pixels.buffer).toString('base64'), latents, activations, decode });
    task.destroy();
    runtime.weights.destroy();
  }
  const [whole, banded] = both;
  expect(banded.pixels === whole.pixels).toBe(true);
  expect(banded.latents).toEqual(whole.latents);
  expect(banded.decode.dispatches.length).toBeGreaterThan(1.2 * whole.decode.dispatches.length);
  // what gets smaller are the images that some kernels read pictures from
  const share = whole.decode.images.length > 0 ? 0.95 : 1;
  expect(banded.activations).toBeLessThanOrEqual(share * whole.activations);
});

test('a batch that does not fit is made in parts, each picture with the same bits', async () => {
  const options = { prompt: ['a dog', 'a cat', 'two cats'], iterations: 1, timesteps: 2 };
  const shape = (pictures: number) =>
    text2imageShape(generateJob({ ...common, ...options }, tinyConfig()), pictures, 32);
  const two = pictureNeed(source(), shape(2), 0)(APART, 2).total;
  const expected = await make(open(), options);
  const seen = new Set<number>();
  const small = open(two);
  expect(
    await make(small, { ...options, onIteration: ({ pictures, total }) => void seen.add(pictures + 10 * total) }),
  ).toEqual(expected);
  expect([...seen]).toEqual([22, 21]);
  expect(device.peakBytes).toBeLessThanOrEqual(two);
});

test('an answer takes what is planned, and is the same, also when it follows a picture', async () => {
  const expected = await say(open());
  expectNear(device.peakBytes, answerOf(ALL, Infinity).total);
  const few = answerOf(APART, 0).total;
  const small = open(few);
  expect(await say(small)).toBe(expected);
  expectNear(device.peakBytes, few);
  expect(await say(small), 'of the picture that was seen').toBe(expected);
  const both = open(Math.max(few, least()));
  await make(both);
  expect(await say(both)).toBe(expected);
  await make(both);
  expect(device.peakBytes).toBeLessThanOrEqual(Math.max(few, least()));
});

test('what does not fit is refused with the numbers and the cures, and nothing is allocated', async () => {
  const refused = make(open(0.9 * least()));
  await expect(refused).rejects.toMatchObject({ code: 'memory' });
  await expect(refused).rejects.toThrow(
    /^\[memory\] this needs \d+\.\d MB for weights, \d\.\d MB for activations, \d\.\d MB for caches, \d+\.\d MB in all, but \d+\.\d MB are allowed: choose weights in q8 \(quantise\), which need \d+\.\d MB, weights in q4 \(quantise\), which need \d+\.\d MB, a smaller picture or \d+\.\d MB of memory$/,
  );
  expect(device.peakBytes).toBe(device.ownBytes);
  expect(() => open(-1)).toThrow('[open] memory must be a number of bytes above 0 but is -1');
});
