/** Same seed, same adapter: the same bits, whatever else is in the batch, whoever looks on, and whatever ran before. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { openDevice } from '../../node/device.ts';
import { AbortError, type Device } from '../../src/engine/index.ts';
import type { GenerateOptions, GenerateProgress, Harmon } from '../../src/harmon/index.ts';
import { imagePrompt, padRows, unconditionalPrompt } from '../../src/harmon/prompts.ts';
import { drawOrders, seeded } from '../../src/harmon/random.ts';
import type { Runtime } from '../../src/harmon/runtime.ts';
import { maskedLoop } from '../../src/harmon/schedule.ts';
import { Text2Image } from '../../src/harmon/text2image.ts';
import { formulaPicture } from '../support/formula.ts';
import { tinyFile, tinyHarmon, tinyRuntime } from '../support/tiny_model.ts';

const DOG = 'a dog on the left and a cat on the right.';
const LONG = 'a red circle above a large blue square, and a small green triangle far below both of them.';
const SHORT = 'a cat';
const SEED = 5;
const common = { imageSize: [48, 32], iterations: 3, timesteps: 3, guidance: 3 } as const;

vi.setConfig({ testTimeout: 180_000 });

let device: Device;
let tiny: Awaited<ReturnType<typeof tinyFile>>;
let harmon: Harmon;
/** The picture that all others are compared with. */
let alone: Uint8Array;
let words: string;

const make = async (options: Partial<GenerateOptions> = {}, model = harmon): Promise<Uint8Array[]> => {
  const pictures = await model.generate({ ...common, prompt: DOG, seed: SEED, ...options });
  return pictures.map((picture) => picture.data);
};

async function say(model = harmon, onToken?: () => void, signal?: AbortSignal, imageSize = 32): Promise<string> {
  const ids: number[] = [];
  const options = { imageSize, maxNewTokens: 4, signal };
  let text = '';
  const seen = (id: number) => {
    ids.push(id);
    onToken?.();
  };
  for await (const piece of model.describe(formulaPicture(50, 40), { ...options, onToken: seen })) text += piece;
  return `${ids.join()} ${text}`;
}

/** Says which byte differs, instead of printing both pictures. */
function expectSame(a: Uint8Array, b: Uint8Array, what: string): void {
  const at = a.length === b.length ? a.findIndex((byte, i) => byte !== b[i]) : Math.min(a.length, b.length);
  expect(at, `${what}: first byte that differs`).toBe(-1);
}

/** Tokens and pixels of each picture, in f32. */
async function makeRaw(runtime: Runtime, captions: string[], seed: number) {
  const { config, tokenizer } = runtime;
  const pictures = captions.length;
  const iterations = maskedLoop(6, common.iterations, common.guidance);
  const unconditional = captions.map(() => unconditionalPrompt(tokenizer, config));
  const rows = [...captions.map((caption) => imagePrompt(tokenizer, config, caption)), ...unconditional];
  const prompts = padRows(tokenizer, config, rows);
  const predicted = Math.max(...iterations.map((i) => i.predicted));
  const shape = { grid: [2, 3], pictures, branches: 2, text: prompts.length, timesteps: 3, predicted } as const;
  const model = await Text2Image.open(runtime, shape);
  try {
    const randomness = seeded(seed);
    const orders = drawOrders(randomness, pictures, Uint32Array.from([0, 1, 2, 3, 4, 5]));
    await model.run({ prompts, iterations, temperature: 1, orders, randomness });
    const tokens = await model.readTokens();
    const results = [];
    for (let p = 0; p < pictures; p++)
      results.push({ tokens: tokens.slice(p * 96, (p + 1) * 96), pixels: await model.decodeRaw(p) });
    return results;
  } finally {
    model.destroy();
  }
}

beforeAll(async () => {
  tiny = await tinyFile();
  device = await openDevice();
  harmon = tinyHarmon(device, tiny.file);
  [alone] = await make();
  words = await say();
});
afterAll(async () => {
  harmon.destroy();
  device.destroy();
  await tiny.close();
});

test('the picture is one that shows differences', () => {
  expect(alone.length).toBe(48 * 32 * 3);
  expect(new Set(alone).size).toBeGreaterThan(50);
  expect(words.split(' ')[0].split(',').length).toBeGreaterThan(0);
});

describe('the same seed gives the same picture', () => {
  test('twice in a row, and another seed another one', async () => {
    expectSame((await make())[0], alone, 'again');
    const [other] = await make({ seed: SEED + 1 });
    expect(Buffer.compare(other, alone)).not.toBe(0);
  });

  test('in a batch of three prompts of different length: picture i of seed s is picture 0 of seed s + i', async () => {
    const batch = await make({ prompt: [LONG, DOG, SHORT], seed: SEED - 1 });
    expectSame(batch[1], alone, 'in the middle of a batch');
    const split = await make({ prompt: [LONG, DOG, SHORT], seed: SEED - 1, batchSize: 2 });
    batch.forEach((picture, i) => expectSame(split[i], picture, `picture ${i} in batches of two`));
    expectSame((await make({ prompt: LONG, seed: SEED - 1 }))[0], batch[0], 'the long prompt alone');
    expectSame((await make({ prompt: SHORT, seed: SEED + 1 }))[0], batch[2], 'the short prompt alone');
  });

  test('in every bit of tokens and pixels, before they are rounded to bytes', async () => {
    const runtime = tinyRuntime(device, tiny.file);
    try {
      const [dog] = await makeRaw(runtime, [DOG], SEED);
      const batch = await makeRaw(runtime, [LONG, DOG, SHORT], SEED - 1);
      expect(dog.tokens.every(Number.isFinite) && dog.pixels.every(Number.isFinite)).toBe(true);
      expect(
        batch[1].tokens.findIndex((x, i) => x !== dog.tokens[i]),
        'first token value that differs',
      ).toBe(-1);
      expect(
        batch[1].pixels.findIndex((x, i) => x !== dog.pixels[i]),
        'first pixel value that differs',
      ).toBe(-1);
    } finally {
      runtime.weights.destroy();
    }
  });

  test('as one of several pictures of one prompt', async () => {
    const three = await make({ count: 3, seed: SEED - 2 });
    expectSame(three[2], alone, 'the third of three');
    expect(Buffer.compare(three[0], three[1])).not.toBe(0);
  });

  test('without guidance, alone and in a batch', async () => {
    const [one] = await make({ guidance: 1 });
    const batch = await make({ guidance: 1, prompt: [LONG, DOG], seed: SEED - 1 });
    expectSame(batch[1], one, 'second of two');
  });

  test('with previews on; the last preview is the picture', async () => {
    let seen: Uint8Array[] = [];
    const progress: string[] = [];
    const onIteration = async ({ done, total, preview }: GenerateProgress) => {
      progress.push(`${done}/${total}`);
      seen = (await preview()).map((picture) => picture.data);
    };
    const [picture] = await make({ onIteration });
    expectSame(picture, alone, 'with previews');
    expectSame(seen[0], alone, 'the last preview');
    expect(progress).toEqual(['1/3', '2/3', '3/3']);
  });

  test('after a cancel and a new start', async () => {
    for (const at of [1, 2, 3]) {
      const abort = new AbortController();
      const onIteration = ({ done }: GenerateProgress) => {
        if (done === at) abort.abort();
      };
      await expect(make({ onIteration, signal: abort.signal })).rejects.toThrow(AbortError);
      expectSame((await make())[0], alone, `after a cancel in iteration ${at}`);
    }
  });

  test('on memory that holds NaN before it is written, from a model of its own', async () => {
    device.poison = true;
    const other = tinyHarmon(device, tiny.file);
    try {
      expectSame((await make({}, other))[0], alone, 'on poisoned memory');
      expect(await say(other)).toBe(words);
    } finally {
      device.poison = false;
      other.destroy();
    }
  });
});

test('the same picture is described in the same words, also after a cancel', async () => {
  expect(await say()).toBe(words);
  const abort = new AbortController();
  await expect(say(harmon, () => abort.abort(), abort.signal)).rejects.toThrow(AbortError);
  expect(await say()).toBe(words);
});

test('a picture that was just seen is not encoded again, another one is', async () => {
  const other = tinyHarmon(device, tiny.file);
  const plans: string[] = [];
  device.profiler = {
    dispatch: (plan) => {
      if (plan !== plans.at(-1)) plans.push(plan);
      return undefined;
    },
  };
  const ask = async (side: number, question: string) => {
    plans.length = 0;
    let text = '';
    for await (const piece of other.describe(formulaPicture(side), {
      question,
      imageSize: 32,
      maxNewTokens: 4,
    }))
      text += piece;
    return { text, encoded: plans.includes('see') };
  };
  try {
    const first = await ask(48, 'What?');
    const follow = await ask(48, 'Where is it?');
    expect([first.encoded, follow.encoded]).toEqual([true, false]);
    const second = await ask(64, 'Where is it?');
    expect(second.encoded).toBe(true);
    expect(await ask(48, 'Where is it?')).toEqual({ text: follow.text, encoded: true });
    expect(await ask(48, 'What?')).toEqual({ text: first.text, encoded: false });
  } finally {
    device.profiler = undefined;
    other.destroy();
  }
});

test('calls that are started together equal calls in turn', async () => {
  const [dog, cat, text] = await Promise.all([make(), make({ prompt: SHORT, seed: 9 }), say()]);
  expectSame(dog[0], alone, 'first of three calls');
  expect(text).toBe(words);
  expectSame((await make({ prompt: SHORT, seed: 9 }))[0], cat[0], 'second of three calls');
});

test('a device of small bindings gives the same bits: what is larger is split', async () => {
  const large = { imageSize: [128, 64], iterations: 1, timesteps: 2 } as const;
  const [whole] = await make(large);
  const said = await say(harmon, undefined, undefined, 128);
  const maxStorageBufferBindingSize = 900 * 1024; // the head's weights are 792 KiB in one piece, the last pictures of the VAE 1 MiB
  const limits = vi
    .spyOn(device, 'planLimits', 'get')
    .mockReturnValue({ ...device.planLimits, maxStorageBufferBindingSize });
  const small = tinyHarmon(device, tiny.file);
  try {
    expectSame((await make(large, small))[0], whole, '128×64');
    expect(await say(small, undefined, undefined, 128)).toBe(said);
  } finally {
    small.destroy();
    limits.mockRestore();
  }
});
