/** Every tensor that a configuration needs, read off its graphs: what a model function asks for is what a checkpoint must hold. */
import type { Graph, TensorFile } from '../engine/index.ts';
import { type DeclaredTensor, checkTensors } from './checkpoint.ts';
import { type HarmonConfig, nativeGrid } from './config.ts';
import {
  decodeGraph,
  iterationGraph,
  modulationGraph,
  prefillGraph,
  seeGraph,
  stepGraph,
  textGraph,
  timeGraph,
} from './graphs.ts';

export function declaredTensors(config: HarmonConfig): DeclaredTensor[] {
  const grid = [1, 1] as const;
  const shape = { grid, pictures: 1, branches: 2, text: 1, timesteps: 2, predicted: 1, chunk: 1 } as const;
  const graphs: Graph[] = [
    textGraph(config, shape),
    iterationGraph(config, shape),
    timeGraph(config, 2),
    modulationGraph(config, shape),
    stepGraph(config, shape),
    decodeGraph(config, grid, 1),
    seeGraph(config, grid),
    prefillGraph(config, { grid, prompt: 8192, cache: 8192 }),
  ];
  const weights = graphs.flatMap((graph) => graph.tensors.filter((x) => x.role === 'weight' && !x.view));
  const { width, bufferTokens } = config.mar;
  const native = nativeGrid(config) ** 2;
  // position tables are resampled on the host and enter the graphs as inputs
  const tables = [
    { name: 'mar.encoder_pos_embed_learned', shape: [1, bufferTokens + native, width] },
    { name: 'mar.decoder_pos_embed_learned', shape: [1, bufferTokens + native, width] },
    { name: 'mar.diffusion_pos_embed_learned', shape: [1, native, width] },
  ];
  return [...weights.map(({ name, shape: s }) => ({ name, shape: s as number[] })), ...tables];
}

/** Errors: one FileError that names what is missing, misshapen and unknown. */
export function checkHarmon(file: TensorFile, config: HarmonConfig): void {
  checkTensors(file, declaredTensors(config));
}
