/** Decoding several tokens a submit gives what one at a time gives, wherever the answer ends. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { openDevice } from '../../node/device.ts';
import { AbortError, type Device } from '../../src/engine/index.ts';
import { type AnswerOptions, Image2Text, type Question } from '../../src/harmon/image2text.ts';
import { questionPrompt } from '../../src/harmon/prompts.ts';
import type { Runtime } from '../../src/harmon/runtime.ts';
import { formulaPicture } from '../support/formula.ts';
import { tinyFile, tinyRuntime } from '../support/tiny_model.ts';

vi.setConfig({ testTimeout: 180_000 });

const LIMIT = 13;

let device: Device;
let tiny: Awaited<ReturnType<typeof tinyFile>>;
let runtime: Runtime;
let model: Image2Text;
let question: Question;
/** Ids without an end token, one a submit, and what lies in the caches behind them. */
let ids: number[];
let bits: Buffer[];

/** The answer; `end` stands for the end token, which this model gives when it likes. */
async function answer(options: AnswerOptions, end = -1, limit = LIMIT): Promise<number[]> {
  vi.spyOn(runtime.tokenizer, 'control').mockReturnValue(end);
  const all: number[] = [];
  for await (const id of model.answer(question, limit, options)) all.push(id);
  return all;
}

/** Keys and values of the last layer, and the last logits. */
async function left(): Promise<Buffer[]> {
  const last = runtime.config.language.layers - 1;
  const names = [`cache.${last}.k`, `cache.${last}.v`, 'logits'];
  return Promise.all(names.map(async (name) => Buffer.from((await model.read('decode_step', name)).buffer)));
}

beforeAll(async () => {
  tiny = await tinyFile();
  device = await openDevice();
  device.poison = true;
  runtime = tinyRuntime(device, tiny.file);
  const { config, tokenizer } = runtime;
  question = questionPrompt(tokenizer, config, config.question);
  const prompt = question.prefix.length + 4 + config.mar.bufferTokens + question.suffix.length;
  // the last id of an answer of LIMIT ids fills the cache
  const shape = { grid: [2, 2], prompt, cache: prompt + LIMIT } as const;
  model = await Image2Text.open(runtime, shape, { keep: { decode_step: ['logits'] } });
  await model.see(formulaPicture(32));
  ids = await answer({ together: 1 });
  bits = await left();
});
afterAll(async () => {
  model.destroy();
  runtime.weights.destroy();
  device.destroy();
  await tiny.close();
});

test('one at a time there are as many ids as asked for, and not all are the same', () => {
  expect(ids.length).toBe(LIMIT);
  expect(new Set(ids).size).toBeGreaterThan(2);
});

test.each([2, 3, 8, 50, undefined])(
  '%s at a time: the same ids and bits, up to the last row of the cache',
  async (k) => {
    expect(await answer({ together: k })).toEqual(ids);
    (await left()).forEach((bytes, i) => expect(bytes.equals(bits[i]), `part ${i}`).toBe(true));
  },
);

test.each([1, 2, 3, 8, undefined])('%s at a time: an answer that ends in the middle', async (k) => {
  const end = ids.find((id, i) => i > 3 && ids.indexOf(id) === i);
  expect(end).toBeDefined();
  expect(await answer({ together: k }, end)).toEqual(ids.slice(0, ids.indexOf(end!) + 1));
  expect(await answer({ together: k }, ids[0])).toEqual(ids.slice(0, 1));
  expect(await answer({ together: k })).toEqual(ids); // what was decoded behind the end is forgotten
});

test.each([1, 2, 7])('a limit of %s ids', async (limit) => {
  for (const together of [1, 3, 8, undefined])
    expect(await answer({ together }, -1, limit)).toEqual(ids.slice(0, limit));
});

test.each([1, 3, 8])('%s at a time: cancelled after any id, then asked again', async (together) => {
  vi.spyOn(runtime.tokenizer, 'control').mockReturnValue(-1);
  for (const after of [1, 2, 4, 9]) {
    const abort = new AbortController();
    const got: number[] = [];
    const run = async () => {
      for await (const id of model.answer(question, LIMIT, { together, signal: abort.signal }))
        if (got.push(id) === after) abort.abort();
    };
    await expect(run()).rejects.toThrow(AbortError);
    expect(got).toEqual(ids.slice(0, after));
  }
  expect(await answer({ together })).toEqual(ids);
});

test('a reader that stops in the middle leaves nothing behind', async () => {
  for await (const id of model.answer(question, LIMIT, { together: 8 })) if (id === ids[3]) break;
  expect(await answer({ together: 8 })).toEqual(ids);
});
