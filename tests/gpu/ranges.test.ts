/** NaN and infinity: no picture and no words are made of them, and a check names the first tensor; magnitudes are those that a pass stores. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDevice } from '../../node/device.ts';
import {
  Graph,
  RangeWatch,
  type Device,
  type TensorFile,
  compile,
  createSession,
  scale,
  silu,
} from '../../src/engine/index.ts';
import { Harmon } from '../../src/harmon/index.ts';
import { overflowText, rangePlan, weightRanges } from '../../src/harmon/range_plan.ts';
import { formulaPicture } from '../support/formula.ts';
import { tinyTokenizer } from '../support/golden.ts';
import { smallConfig, smallHarmon, smallWeights } from '../support/small_model.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

/** The small model's weights with one tensor of these bf16 bits. */
function spoiled(tensor: string, bits: number): TensorFile {
  const good = smallWeights();
  return {
    ...good,
    async read(name, options) {
      const bytes = await good.read(name, options);
      if (name === tensor) new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2).fill(bits);
      return bytes;
    },
  };
}
const [NAN, LARGE] = [0x7fc0, 0x7e00];

const generate = (harmon: Harmon) => harmon.generate({ prompt: 'a dog', iterations: 2, timesteps: 3, seed: 5 });
async function describeIt(harmon: Harmon): Promise<string> {
  let text = '';
  for await (const words of harmon.describe(formulaPicture(32), { maxNewTokens: 3 })) text += words;
  return text;
}
async function withModel<T>(weights: TensorFile, checkRange: boolean, use: (harmon: Harmon) => Promise<T>): Promise<T> {
  const tokenizer = tinyTokenizer();
  const harmon = Harmon.open({ device, config: smallConfig, tokenizer, weights, checkRange });
  try {
    return await use(harmon);
  } finally {
    harmon.destroy();
    expect(device.totalBytes).toBe(device.ownBytes);
  }
}

const WEIGHT = 'llm.model.layers.1.mlp.down_proj.weight';

test.each<[string, (harmon: Harmon) => Promise<unknown>, RegExp]>([
  ['a picture', generate, /the pixels of a picture must be finite but are NaN or infinite/],
  ['words', describeIt, /the logits of a word must be finite but are NaN or infinite/],
])('%s of a model with NaN in its weights is refused, check or not', async (_, run, sentence) => {
  await expect(withModel(spoiled(WEIGHT, NAN), false, run)).rejects.toThrow(sentence);
  await expect(withModel(spoiled(WEIGHT, NAN), true, run)).rejects.toThrow(
    /llm\.model\.layers\.1\S* must be finite but holds NaN, the first tensor that does/,
  );
});

test('weights with NaN are named without a run', async () => {
  await expect(weightRanges(spoiled(WEIGHT, NAN), smallConfig)).rejects.toThrow(
    `${WEIGHT} must hold finite numbers but holds NaN`,
  );
});

test('what overflows f32 is infinity first, by its name', async () => {
  const weights = spoiled('llm.model.layers.0.mlp.up_proj.weight', LARGE);
  await expect(withModel(weights, true, describeIt)).rejects.toThrow(
    /must be finite but holds (infinity|NaN), the first tensor/,
  );
});

test('a checked run makes the same and knows the largest magnitudes; what f16 cannot hold is told', async () => {
  const plain = await withModel(smallWeights(), false, generate);
  const { pictures, ranges } = await withModel(smallWeights(), true, async (harmon) => ({
    pictures: await generate(harmon),
    ranges: harmon.ranges(),
  }));
  expect(pictures[0].data).toEqual(plain[0].data);
  expect(ranges.length).toBeGreaterThan(50);
  expect(ranges.every(({ largest }) => Number.isFinite(largest))).toBe(true);
  expect(new Set(ranges.map(({ pass }) => pass)).size).toBeGreaterThanOrEqual(6);
  const about = { model: 'small', adapter: 'a' };
  // three timesteps leave the first step's factor of 316 in the tokens
  expect(overflowText(rangePlan(about, ranges, []))).toMatch(
    /would overflow in .*diffusion_sampler|would overflow in .*scale/,
  );
  expect(overflowText(rangePlan(about, [], []))).toBeUndefined();
  const plan = rangePlan(
    about,
    [
      { pass: 'p', name: 'big', largest: 65505 },
      { pass: 'p', name: 'near', largest: 40000 },
    ],
    [],
  );
  expect(plan.tensors.map(({ f16 }) => f16)).toEqual([false, false]);
  expect(overflowText(plan)).toBe('f16, which ends at 65504, would overflow in big (6.55e+4)');
  expect(() => smallHarmon(device).ranges()).toThrow(/must be opened with checkRange/);
});

test('is the largest of exactly the rows of a run', async () => {
  const graph = new Graph('two');
  const x = graph.input('x', [300, 5]);
  graph.output('y', silu(scale(x, -3)));
  const watch = new RangeWatch(device);
  const session = await createSession(device, compile(graph, { keep: [] }), { watch });
  const values = Float32Array.from({ length: 1500 }, (_, i) => (i === 1499 ? 7 : i === 3 ? -20 : 0.5));
  const stream = device.stream('test');
  stream.write(session.buffer('x'), values);
  await session.encode(stream);
  await stream.finish();
  const [last] = watch.ranges().slice(-1);
  expect(last.largest).toBeCloseTo(60, 3);
  session.destroy();
  watch.destroy();
});
