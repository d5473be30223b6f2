/**
 * Golden plans: the plan of each of Harmon's graphs as text, at the embedded model's sizes. A change that should not change a plan leaves
 * these files alone; one that should shows here what it does (`npx vitest run -u --project unit tests/unit/plans.test.ts`).
 */
import { describe, expect, test } from 'vitest';
import { type Graph, compile, planText } from '../../src/engine/index.ts';
import { harmonConfigs } from '../../src/harmon/config.ts';
import {
  decodeGraph,
  decodeStepGraph,
  encodeGraph,
  iterationGraph,
  modulationGraph,
  placeGraph,
  prefillGraph,
  seeGraph,
  stepGraph,
  textGraph,
  timeGraph,
} from '../../src/harmon/graphs.ts';
import { tinyConfig } from '../support/golden.ts';

const config = tinyConfig();
const grid = [8, 8] as const;
const generate = { grid, pictures: 2, branches: 2, text: 64, timesteps: 50, predicted: 16, chunk: 25 } as const;
const answer = { grid, prompt: 128, cache: 256 } as const;

const graphs: Record<string, () => Graph> = {
  text: () => textGraph(config, generate),
  iteration: () => iterationGraph(config, generate),
  time: () => timeGraph(config, generate.timesteps),
  modulations: () => modulationGraph(config, generate),
  step: () => stepGraph(config, generate),
  place: () => placeGraph(config, generate),
  vae_decoder: () => decodeGraph(config, grid, generate.pictures),
  vae_encoder: () => encodeGraph(config, grid),
  see: () => seeGraph(config, grid),
  prefill: () => prefillGraph(config, answer),
  decode_step: () => decodeStepGraph(config, answer),
};

describe('golden plans', () => {
  test.each(Object.keys(graphs))('%s', async (name) => {
    const text = planText(compile(graphs[name]()));
    await expect(text).toMatchFileSnapshot(`../golden/plans/${name}.txt`);
    expect(planText(compile(graphs[name]())), 'compiled again').toBe(text);
  });
});

describe('memory of the VAE decoder', () => {
  test.each([
    ['tiny', config, 8],
    ['published', harmonConfigs['0.5b'], 16],
    ['published, 512 px', harmonConfigs['0.5b'], 32],
  ] as const)('%s: a third of the sum of its intermediates, or less', (name, { mar, vae, ...rest }, side) => {
    const { memory } = compile(decodeGraph({ ...rest, mar, vae }, [side, side], 1), {
      maxStorageBufferBindingSize: 2 ** 31,
    });
    const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
    console.log(`${name}: ${mib(memory.planned)} planned, ${mib(memory.naive)} without sharing`);
    expect(memory.naive / memory.planned).toBeGreaterThanOrEqual(3);
  });
});
