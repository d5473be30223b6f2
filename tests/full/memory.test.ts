/**
 * Harmon-0.5B and -1.5B at full size with formula-made weights: both tasks in every form of the weights, within the memory that is promised or the least
 * that is planned. A picture's first iteration of 64 and its decoding, an answer's first ids. Prints a table. OVERTONE_FULL picks rows, such as
 * `1.5b q4 512 generate`; words that are left out stand for all.
 */
import { afterAll, describe, expect, test } from 'vitest';
import { openDevice } from '../../node/device.ts';
import { AbortError, type Device, type Quantised } from '../../src/engine/index.ts';
import { LEAST, type MemoryNeed, type NeedOf, arrange, gigabytes } from '../../src/harmon/arrangement.ts';
import { harmonConfigs } from '../../src/harmon/config.ts';
import { declaredTensors } from '../../src/harmon/declared.ts';
import { Harmon } from '../../src/harmon/harmon.ts';
import { describeShape } from '../../src/harmon/image2text.ts';
import { answerNeed, pictureNeed } from '../../src/harmon/planned.ts';
import { imagePrompt, questionPrompt, unconditionalPrompt } from '../../src/harmon/prompts.ts';
import { generateJob } from '../../src/harmon/request.ts';
import { text2imageShape } from '../../src/harmon/text2image.ts';
import { weightSource } from '../../src/harmon/weight_source.ts';
import { formulaFile, formulaPicture } from '../support/formula.ts';
import { tinyTokenizer } from '../support/golden.ts';

const MINUTES = 60_000;
const ANSWER = 4;

/** Bytes that are promised for a row. */
const PROMISED: Readonly<Record<string, number>> = {
  '1.5b bf16 512 generate': 6.5e9,
  '1.5b q4 512 generate': 2.5e9,
  '0.5b q8 512 describe': 1e9,
};

const wanted = process.env.OVERTONE_FULL?.split(' ') ?? [];
const every = <T extends string>(all: readonly T[]): readonly T[] => {
  const some = all.filter((word) => wanted.includes(word));
  return some.length > 0 ? some : all;
};
const rows = every(['0.5b', '1.5b'] as const).flatMap((variant) =>
  every(['bf16', 'q8', 'q4'] as const).flatMap((form) =>
    every(['256', '512'] as const).flatMap((side) =>
      every(['generate', 'describe'] as const).map((task) => ({ variant, form, side, task })),
    ),
  ),
);
type Row = (typeof rows)[number];

const request = (imageSize: number) => ({ prompt: 'a dog', imageSize, timesteps: 8, seed: 1 });

/** What the row's task takes, however it is laid out. */
function needOf({ variant, form, side, task }: Row, device: Device, memory: number): NeedOf {
  const config = harmonConfigs[variant];
  const tokenizer = tinyTokenizer();
  const quantise: Quantised | undefined = form === 'bf16' ? undefined : form;
  const source = { device, config, quantise, source: weightSource(formulaFile(declaredTensors(config))) };
  const grid = [Number(side) / 16, Number(side) / 16] as const;
  if (task === 'generate') {
    const prompts = [imagePrompt(tokenizer, config, 'a dog'), unconditionalPrompt(tokenizer, config)];
    const text = Math.max(...prompts.map(({ length }) => length));
    return pictureNeed(source, text2imageShape(generateJob(request(Number(side)), config), 1, text), memory);
  }
  const { prefix, suffix } = questionPrompt(tokenizer, config, config.question);
  const length = prefix.length + grid[0] * grid[1] + config.mar.bufferTokens + suffix.length;
  return answerNeed(source, describeShape(grid, length, ANSWER), memory);
}

async function generate(harmon: Harmon, side: number): Promise<void> {
  const stop = new AbortController();
  const made = harmon.generate({
    ...request(side),
    signal: stop.signal,
    async onIteration({ preview }) {
      expect((await preview())[0].data.length).toBe(side ** 2 * 3);
      stop.abort();
    },
  });
  await expect(made).rejects.toThrow(AbortError);
}

async function answer(harmon: Harmon, imageSize: number): Promise<void> {
  let ids = 0;
  const options = { imageSize, maxNewTokens: ANSWER, onToken: () => void ids++ };
  for await (const _ of harmon.describe(formulaPicture(imageSize), options));
  expect(ids).toBeGreaterThan(0);
}

const table: string[] = [];
afterAll(() => {
  for (const line of table) console.log(line);
});

function report(row: string, seconds: number, allowed: number, all: MemoryNeed, need: MemoryNeed, peak: number): void {
  const { weights, activations, state, total } = need;
  table.push(
    `${row.padEnd(24)} ${seconds.toFixed(0).padStart(4)} s, with all on the device ${gigabytes(all.total)}, allowed ${gigabytes(allowed)}, ` +
      `planned ${gigabytes(total)} (weights ${gigabytes(weights)}, activations ${gigabytes(activations)}, caches ${gigabytes(state)}), measured ${gigabytes(peak)}`,
  );
}

describe.each(rows)('harmon-$variant $form $side $task', (row) => {
  test(
    'takes what is planned',
    async () => {
      const { variant, form, side, task } = row;
      const config = harmonConfigs[variant];
      const weights = formulaFile(declaredTensors(config), variant);
      const device = await openDevice();
      const name = `${variant} ${form} ${side} ${task}`;
      const memory = PROMISED[name] ?? needOf(row, device, 0)(LEAST, 1).total;
      const planned = needOf(row, device, memory);
      const need = planned(arrange(planned, 1, memory), 1);
      const start = performance.now();
      const quantise = form === 'bf16' ? undefined : form;
      const harmon = Harmon.open({ device, config, tokenizer: tinyTokenizer(), weights, quantise, memory });
      try {
        await (task === 'generate' ? generate(harmon, Number(side)) : answer(harmon, Number(side)));
        const { peakBytes } = device;
        const all = planned({ frugal: false, apart: false, bands: false }, 1);
        report(name, (performance.now() - start) / 1000, memory, all, need, peakBytes);
        expect(peakBytes).toBeLessThanOrEqual(memory);
        expect(peakBytes).toBeLessThanOrEqual(need.total);
        expect(peakBytes).toBeGreaterThan(0.95 * need.total);
      } finally {
        harmon.destroy();
        device.destroy();
      }
    },
    20 * MINUTES,
  );
});
