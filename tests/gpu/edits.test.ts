/** Editing: what is kept stays bit for bit, what is made depends on the seed alone, and the model is as before afterwards. */
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { openDevice } from '../../node/device.ts';
import { AbortError, type Device } from '../../src/engine/index.ts';
import { canvasTokens, editOf } from '../../src/harmon/edit.ts';
import type { EditOptions, GenerateOptions, GeneratedPicture, Harmon, Mask } from '../../src/harmon/index.ts';
import { imagePrompt, padRows } from '../../src/harmon/prompts.ts';
import { drawOrders, recorded, seeded } from '../../src/harmon/random.ts';
import { maskedLoop } from '../../src/harmon/schedule.ts';
import { Text2Image } from '../../src/harmon/text2image.ts';
import { formulaPicture } from '../support/formula.ts';
import { tinyFile, tinyHarmon, tinyRuntime } from '../support/tiny_model.ts';

vi.setConfig({ testTimeout: 180_000 });

const DOG = 'a dog on the left and a cat on the right.';
const LONG = 'a red circle above a large blue square, and a small green triangle far below both of them.';
const SEED = 5;
/** Not whole tokens: 3 × 2 of them, the last column 2 pixels wide and the last row 4 high. */
const picture = formulaPicture(34, 20);
const left: Mask = { width: 2, height: 1, data: Uint8Array.of(255, 0) };
const common = { iterations: 2, timesteps: 3, guidance: 3, seed: SEED } as const;

let device: Device;
let tiny: Awaited<ReturnType<typeof tinyFile>>;
let harmon: Harmon;
/** The left half made anew: what others are compared with. */
let alone: GeneratedPicture;

const make = (edit: Partial<EditOptions>, options: Partial<GenerateOptions> = {}, model = harmon) =>
  model.generate({ ...common, prompt: DOG, edit: { picture, ...edit }, ...options });

beforeAll(async () => {
  tiny = await tinyFile();
  device = await openDevice();
  harmon = tinyHarmon(device, tiny.file);
  [alone] = await make({ mask: left });
});
afterAll(async () => {
  harmon.destroy();
  device.destroy();
  await tiny.close();
});
afterEach(() => {
  device.poison = false;
});

/** Says which byte differs, instead of printing both pictures. */
function expectSame(a: Uint8Array, b: Uint8Array, what: string): void {
  const at = a.length === b.length ? a.findIndex((byte, i) => byte !== b[i]) : Math.min(a.length, b.length);
  expect(at, `${what}: first byte that differs`).toBe(-1);
}

/** Expects the pixels of `picture` where the mask is 0; tells how many differ elsewhere. The picture's first pixel is at (x0, y0). */
function comparedWith({ width, height, data, mask }: GeneratedPicture, [x0, y0] = [0, 0], [px, py] = [0, 0]): number {
  let changed = 0;
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const [u, v] = [x - x0, y - y0];
      const isMade = mask!.data[Math.floor((y + py) / 16) * mask!.width + Math.floor((x + px) / 16)] !== 0;
      if (u < 0 || v < 0 || u >= picture.width || v >= picture.height) expect(isMade, `${x}, ${y}`).toBe(true);
      else {
        const [a, b] = [(y * width + x) * 3, (v * picture.width + u) * 3];
        const same = [0, 1, 2].every((c) => data[a + c] === picture.data[b + c]);
        if (!isMade) expect(same, `kept pixel ${x}, ${y}`).toBe(true);
        else if (!same) changed++;
      }
    }
  return changed;
}

describe('what is kept', () => {
  test('stays bit for bit under a mask, at the picture’s own size; all else is made anew', () => {
    expect([alone.width, alone.height]).toEqual([34, 20]);
    // half of 34 pixels end in the second token
    expect(alone.mask).toEqual({ width: 3, height: 2, data: Uint8Array.from('110110', (c) => +c * 255) });
    expect(comparedWith(alone)).toBeGreaterThan(32 * 20 * 0.9);
  });

  test('stays bit for bit around a variation, and inside an extension', async () => {
    const [varied] = await make({ variation: 0.5 });
    expect(varied.mask!.data.filter((byte) => byte === 255).length).toBe(3);
    expect(comparedWith(varied)).toBeGreaterThan(0);
    const [extended] = await make({ extend: { left: 1, bottom: 1 } });
    expect([extended.width, extended.height]).toEqual([50, 36]);
    comparedWith(extended, [16, 0], [0, 12]); // 12 pixels of padding above
  });

  test('keeps every bit of its tokens, in f32', async () => {
    const runtime = tinyRuntime(device, tiny.file);
    const edit = editOf({ picture, mask: left }, runtime.config);
    const randomness = seeded(SEED);
    const orders = drawOrders(randomness, 2, edit.candidates);
    const iterations = maskedLoop(edit.made, 2, 1);
    const prompts = padRows(
      runtime.tokenizer,
      runtime.config,
      [DOG, LONG].map((text) => imagePrompt(runtime.tokenizer, runtime.config, text)),
    );
    const shape = { grid: edit.grid, encoder: edit.encoder, pictures: 2, branches: 1 } as const;
    const model = await Text2Image.open(runtime, { ...shape, text: prompts.length, timesteps: 3, predicted: 4 });
    try {
      const latents = await model.encode(edit.picture);
      expect(new Set(latents).size).toBeGreaterThan(50);
      const given = canvasTokens(edit, latents, 2);
      await model.run({ prompts, iterations, temperature: 1, orders, randomness, given });
      const tokens = await model.readTokens();
      for (let g = 0; g < 12; g++) {
        const row = (x: Float32Array) => Array.from(x.subarray(g * 16, (g + 1) * 16));
        const isMade = edit.candidates.includes(g % 6);
        if (isMade) expect(row(tokens), `token ${g}`).not.toEqual(row(given));
        else expect(row(tokens), `token ${g}`).toEqual(row(given));
      }
    } finally {
      model.destroy();
      runtime.weights.destroy();
    }
  });
});

describe('the same seed gives the same edit', () => {
  test('again, in a batch with longer words, and one after the other', async () => {
    expectSame((await make({ mask: left }))[0].data, alone.data, 'again');
    const prompt = [LONG, DOG];
    const batch = await make({ mask: left }, { prompt, seed: SEED - 1 });
    expectSame(batch[1].data, alone.data, 'in a batch');
    const split = await make({ mask: left }, { prompt, seed: SEED - 1, batchSize: 1 });
    batch.forEach((made, i) => expectSame(split[i].data, made.data, `picture ${i} by itself`));
    expect(Buffer.compare(batch[0].data, batch[1].data)).not.toBe(0);
  });

  test('of a variation, whose tokens are the seed’s own', async () => {
    const two = await make({ variation: 0.5 }, { count: 2 });
    expect(two[0].mask).not.toEqual(two[1].mask);
    const [second] = await make({ variation: 0.5 }, { seed: SEED + 1 });
    expect(second.mask).toEqual(two[1].mask);
    expectSame(second.data, two[1].data, 'the second alone');
  });

  test('from the mask that it returned', async () => {
    const whole = formulaPicture(48, 32);
    const [first] = await make({
      picture: whole,
      mask: { width: 3, height: 5, data: new Uint8Array(15).fill(255, 4, 8) },
    });
    const [again] = await make({ picture: whole, mask: first.mask });
    expect(again.mask).toEqual(first.mask);
    expectSame(again.data, first.data, 'by its own mask');
  });

  test('with previews on, which show what is kept; the last one is the result', async () => {
    const seen: Uint8Array[] = [];
    const [watched] = await make(
      { mask: left },
      {
        onIteration: async ({ preview }) => {
          const [{ width, height, data }] = await preview();
          comparedWith({ ...alone, width, height, data });
          seen.push(data);
        },
      },
    );
    expectSame(watched.data, alone.data, 'with previews');
    expectSame(seen[1], alone.data, 'the last preview');
    expect(Buffer.compare(seen[0], alone.data)).not.toBe(0);
  });

  test('after a cancel in each iteration, on poisoned memory, and from a model of its own', async () => {
    for (const at of [1, 2]) {
      const abort = new AbortController();
      const onIteration: GenerateOptions['onIteration'] = ({ done }) => void (done === at && abort.abort());
      await expect(make({ mask: left }, { onIteration, signal: abort.signal })).rejects.toThrow(AbortError);
      expectSame((await make({ mask: left }))[0].data, alone.data, `after a cancel in iteration ${at}`);
    }
    device.poison = true;
    const other = tinyHarmon(device, tiny.file);
    try {
      expectSame((await make({ mask: left }, {}, other))[0].data, alone.data, 'on poisoned memory');
    } finally {
      other.destroy();
    }
  });

  test('from recorded randomness, whose order has the tokens that are made', async () => {
    const own = seeded(SEED);
    const noise = maskedLoop(4, 2, 3).map(({ predicted }, k) => own.noise(0, k, 3, predicted));
    const randomness = recorded({ order: [own.order(0, 4)], noise });
    const [replayed] = await make({ mask: left }, { seed: undefined, randomness });
    expectSame(replayed.data, alone.data, 'replayed');
    await expect(make({ variation: 0.5 }, { randomness })).rejects.toThrow('orders 4 tokens of picture 0 but 6');
  });
});

test('an edit and a picture made in turn are the same as before, and take no more memory each time', async () => {
  const plain = async () => (await harmon.generate({ ...common, prompt: DOG, imageSize: [48, 32] }))[0];
  const first = await plain();
  expectSame((await make({ mask: left }))[0].data, alone.data, 'the edit');
  const { totalBytes } = device;
  expectSame((await plain()).data, first.data, 'the picture');
  expectSame((await make({ mask: left }))[0].data, alone.data, 'the edit again');
  expect(device.totalBytes).toBe(totalBytes);
});

test('everything masked is a picture made from words', async () => {
  const all = { width: 1, height: 1, data: Uint8Array.of(255) };
  const [made] = await make({ picture: formulaPicture(48, 32), mask: all });
  const [plain] = await harmon.generate({ ...common, prompt: DOG, imageSize: [48, 32] });
  expectSame(made.data, plain.data, 'all masked');
});

test('requests that cannot be met are refused before any work', async () => {
  const { totalBytes } = device;
  const large = { width: 4096, height: 4096, data: new Uint8Array(3 * 4096 ** 2) };
  for (const [edit, options, sentence] of [
    [{}, {}, '[edit] must say what is made anew'],
    [{ mask: left }, { imageSize: 64 }, '[generate] imageSize must not be given with edit'],
    [{ mask: left }, { iterations: 5 }, 'from 1 to 4, the number of tokens to make, but is 5'],
    [{ picture: large, mask: left }, { iterations: 1 }, '[context] prompt, picture and answer'],
  ] as const)
    await expect(make(edit, options)).rejects.toThrow(sentence);
  await expect(make({}, { edit: null as unknown as EditOptions })).rejects.toThrow('[edit] must be an object');
  expect(device.totalBytes).toBe(totalBytes);
});
