/** Harmon-0.5B and -1.5B at full size with formula-made weights, against recordings of the reference: every part, the published shapes. */
import { describe, expect, test } from 'vitest';
import { readFileSync } from 'node:fs';
import { openDevice } from '../../node/device.ts';
import { Graph, WeightStore, weightsOf } from '../../src/engine/index.ts';
import { harmonConfigs } from '../../src/harmon/config.ts';
import { declaredTensors } from '../../src/harmon/declared.ts';
import {
  conditionEmbedding,
  diffusionHead,
  modulations,
  sinusoids,
  timeEmbedding,
} from '../../src/harmon/diffusion_head.ts';
import { Image2Text } from '../../src/harmon/image2text.ts';
import { recorded } from '../../src/harmon/random.ts';
import { type Runtime, compileFor, openSessions } from '../../src/harmon/runtime.ts';
import { Text2Image } from '../../src/harmon/text2image.ts';
import { weightSource } from '../../src/harmon/weight_source.ts';
import { formulaFile, formulaPicture, formulaUnit } from '../support/formula.ts';
import { goldenPath, readSafetensors, tinyTokenizer } from '../support/golden.ts';
import { toNhwc } from '../support/recordings.ts';
import { relativeError } from '../support/run_case.ts';
import { numbersOf } from '../support/safetensors.ts';

interface Ask {
  readonly prefix_ids: number[];
  readonly suffix_ids: number[];
  readonly cond_ids: number[];
  readonly uncond_ids: number[];
  readonly visible: number;
}

const GRID = [16, 16] as const;
const N = 256;
const LIMIT = 1e-4;
const MINUTES = 60_000;

const variants = (process.env.OVERTONE_VARIANTS?.split(',') ?? ['0.5b', '1.5b']) as (keyof typeof harmonConfigs)[];

describe.each(variants)('harmon-%s', (variant) => {
  test(
    'every part agrees with the reference',
    async () => {
      const config = harmonConfigs[variant];
      const ask = JSON.parse(readFileSync(goldenPath(`full/harmon_${variant}.json`), 'utf8')) as Ask;
      const reference = readSafetensors(goldenPath(`full/harmon_${variant}.safetensors`));
      const of = (name: string) => numbersOf(reference.get(name));
      const device = await openDevice();
      const runtime: Runtime = {
        device,
        config,
        // the recordings hold ids; of the tokenizer only the end token's id is asked, and 4 ids end before it
        tokenizer: { ...tinyTokenizer(), control: () => 151645 },
        source: weightSource(formulaFile(declaredTensors(config), variant)),
        weights: new WeightStore(device),
      };
      const errors: Record<string, number> = {};
      const compare = (name: string, ours: ArrayLike<number>, theirs: ArrayLike<number> = of(name)) => {
        errors[name] = relativeError(ours, theirs);
        console.log(`${variant} ${name.padEnd(10)} ${errors[name].toExponential(1)}`);
      };
      try {
        const latents = await compareImage2Text(runtime, ask, compare, reference.get('moments')!);
        expect(errors.latents).toBeLessThan(LIMIT);
        await compareText2Image(runtime, ask, of('order'), latents, compare);
        await compareHead(runtime, of('head_rows'), compare);
        console.log(`${variant}: peak ${(device.peakBytes / 1e9).toFixed(2)} GB on ${device.description}`);
        for (const [name, error] of Object.entries(errors)) expect(error, name).toBeLessThan(LIMIT);
      } finally {
        runtime.weights.destroy();
        device.destroy();
      }
    },
    20 * MINUTES,
  );
});

type Compare = (name: string, ours: ArrayLike<number>, theirs?: ArrayLike<number>) => void;

/** Every `step`-th row of (rows, width). */
function everyRow(x: Float32Array, width: number, step: number): Float32Array {
  return x.filter((_, i) => Math.floor(i / width) % step === 0);
}

async function compareImage2Text(runtime: Runtime, ask: Ask, compare: Compare, moments: Parameters<typeof toNhwc>[0]) {
  const { config } = runtime;
  const prompt = ask.prefix_ids.length + N + config.mar.bufferTokens + ask.suffix_ids.length;
  const model = await Image2Text.open(
    runtime,
    { grid: GRID, prompt, cache: prompt + 4 },
    { keep: { see: ['moments', 'latents', 'x_enc'], prefill: ['hidden', 'logits'] } },
  );
  try {
    await model.see(formulaPicture(256));
    compare('moments', await model.read('see', 'moments'), toNhwc(moments));
    const latents = await model.read('see', 'latents');
    compare('latents', latents);
    compare('x_enc', everyRow(await model.read('see', 'x_enc'), config.mar.width, 16));
    compare('z_enc', everyRow(await model.read('see', 'z_enc'), config.language.hiddenSize, 16));
    const ids: number[] = [];
    for await (const id of model.answer({ prefix: ask.prefix_ids, suffix: ask.suffix_ids }, 4)) {
      if (ids.length === 0) {
        compare('hidden', await model.read('prefill', 'hidden'));
        compare('logits', everyRow(await model.read('prefill', 'logits'), 1, 64));
      }
      ids.push(id);
    }
    compare('output_ids', ids);
    return latents;
  } finally {
    model.destroy();
  }
}

async function compareText2Image(
  runtime: Runtime,
  ask: Ask,
  order: number[],
  latents: Float32Array<ArrayBuffer>,
  compare: Compare,
) {
  const { config } = runtime;
  const rows = [ask.cond_ids, ask.uncond_ids];
  const length = ask.cond_ids.length;
  const ids = new Uint32Array(2 * length);
  rows.forEach((row, i) => ids.set(row, i * length));
  const model = await Text2Image.open(
    runtime,
    { grid: GRID, pictures: 1, branches: 2, text: length, timesteps: 100, predicted: N },
    { keep: ['x_dec_in', 'cond'] },
  );
  try {
    await model.run({
      prompts: { ids, rows: 2, length, lengths: rows.map((row) => row.length) },
      iterations: [],
      temperature: 1,
      given: latents,
      orders: [Uint32Array.from(order)],
      randomness: recorded({ order: [], noise: [] }),
    });
    await model.replay([Uint32Array.from(order)], { masked: N - ask.visible });
    const E = config.mar.width;
    const length2 = ask.visible + config.mar.bufferTokens;
    const each = (x: Float32Array, height: number, step: number) =>
      Float32Array.from(
        [0, 1].flatMap((b) => [...everyRow(x.subarray(b * height * E, (b + 1) * height * E), E, step)]),
      );
    compare('x_dec_in', each(await model.read('x_dec_in'), length2, 8));
    compare('cond', each(await model.read('cond'), N, 16));
    const image = await model.decodeRaw(0);
    const reference = toNhwc(
      readSafetensors(goldenPath(`full/${config.name.replace('-', '_')}.safetensors`)).get('decoded')!,
    );
    const every4th = Float32Array.from({ length: 64 * 64 * 3 }, (_, i) => {
      const [y, x, c] = [Math.floor(i / 192), Math.floor(i / 3) % 64, i % 3];
      return image[(4 * y * 256 + 4 * x) * 3 + c];
    });
    compare('decoded', every4th, reference);
  } finally {
    model.destroy();
  }
}

async function compareHead(runtime: Runtime, rows: number[], compare: Compare) {
  const { config, device } = runtime;
  const times = [999, 505, 0];
  const { width: E, tokenDim } = config.mar;
  const graph = new Graph('head');
  const w = weightsOf(graph, 'mar.diffloss.net');
  const x = graph.input('x', [8, tokenDim]);
  const time = timeEmbedding(graph.input('sinusoids', [3, 256]), w, config);
  const table = modulations(time, conditionEmbedding(graph.input('rows', [8, E]), w, config), w, config);
  times.forEach((t, i) => graph.output(`head.${t}`, diffusionHead(x, table, i, w, config)));
  const set = await openSessions(runtime, { head: compileFor(runtime, graph) });
  try {
    const stream = device.stream('head');
    stream.write(
      set.buffer('x'),
      Float32Array.from({ length: 8 * tokenDim }, (_, i) => 2 * formulaUnit('noise', i % (4 * tokenDim)) - 1),
    );
    stream.write(set.buffer('sinusoids'), sinusoids(times));
    stream.write(set.buffer('rows'), Float32Array.from(rows));
    await set.get('head').encode(stream);
    await stream.finish();
    for (const t of times) compare(`head.${t}`, await set.get('head').read(`head.${t}`));
  } finally {
    set.destroy();
  }
}
