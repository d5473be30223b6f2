/**
 * Harmon's static graphs: one for each pass that runs by itself. Their inputs and outputs have names, by which sessions hand buffers on; their
 * lengths are extents, so nothing is compiled again when the number of visible tokens, the prompt or the cache changes.
 */
import {
  type Dim,
  Graph,
  type Sequence,
  type Tensor,
  addDims,
  argmax,
  columns,
  extent,
  gather,
  linear,
  mulDims,
  named,
  reshape,
  rowRange,
  scale,
  scatter,
  weightsOf,
} from '../engine/index.ts';
import { add } from '../engine/index.ts';
import type { HarmonConfig } from './config.ts';
import {
  SINUSOID,
  conditionEmbedding,
  modulationWidth,
  modulations,
  samplerStep,
  samplerSteps,
  timeEmbedding,
} from './diffusion_head.ts';
import { marCondition, marDecoder, marEncoder, projectIn, projectOut } from './mar.ts';
import { decoderLayers, finalNorm, kvCache } from './qwen2.ts';
import { vaeDecoder, vaeEncoder } from './vae.ts';

/** A token grid: rows m, columns n; a picture is 16m × 16n pixels. */
export type Grid = readonly [m: number, n: number];

const HEAD = 'mar.diffloss.net';

/** Sizes of text-to-image that are fixed while its sessions live. */
export interface GenerateShape {
  readonly grid: Grid;
  /** Pictures made at once, b. */
  readonly pictures: number;
  /** 2 with guidance. */
  readonly branches: 1 | 2;
  /** Longest prompt, ids. */
  readonly text: number;
  readonly timesteps: number;
  /** Most tokens of one picture that one iteration predicts. */
  readonly predicted: number;
  /** Timesteps whose modulations are made at once. */
  readonly chunk: number;
  /** Grid of a picture that is edited, to be encoded. */
  readonly encoder?: Grid;
  /** Timesteps that one dispatch of the sampler takes; without, its ops run one after the other. */
  readonly steps?: number;
}

function embedding(graph: Graph, config: HarmonConfig): Tensor {
  const { vocabSize, hiddenSize } = config.language;
  return graph.weight('llm.model.embed_tokens.weight', [vocabSize, hiddenSize]);
}

/** Prompts into the cache. ids u32 (B, text), past u32 (B). */
export function textGraph(config: HarmonConfig, shape: GenerateShape): Graph {
  const graph = new Graph('text');
  const batch = shape.pictures * shape.branches;
  const [m, n] = shape.grid;
  const ids = graph.input('ids', [batch, extent('text', shape.text)], 'u32');
  const past = graph.input('text_past', [batch], 'u32');
  const cache = kvCache(graph, config.language, batch, shape.text + m * n + config.mar.bufferTokens);
  const w = weightsOf(graph, 'llm.model');
  decoderLayers(gather(ids, embedding(graph, config)), w, { config: config.language, past, cache });
  return graph;
}

/**
 * One iteration up to the diffusion head: MAR encoder once for both branches, language model over the cached prompt, MAR decoder, and the
 * chosen rows' conditions. Index lists are the host's (see `iterationInputs`).
 */
export function iterationGraph(config: HarmonConfig, shape: GenerateShape): Graph {
  const graph = new Graph('iteration');
  const { pictures: b, branches, grid } = shape;
  const N = grid[0] * grid[1];
  const { bufferTokens, tokenDim, width: E } = config.mar;
  const H = config.language.hiddenSize;
  const batch = b * branches;
  const length = addDims(bufferTokens, extent('visible', N)); // buffers + V
  const predicted = extent('predicted', shape.predicted);
  const index = (name: string, rows: number, columns: Dim) => graph.input(name, [rows, columns], 'u32');
  const w = weightsOf(graph);

  const tokens = graph.state('tokens', [b * N, tokenDim]);
  const x = named(
    marEncoder(
      {
        tokens,
        index: index('encoder_index', b, length),
        position: index('encoder_position', b, length),
        positions: graph.input('encoder_positions', [bufferTokens + N, E]),
      },
      w.at('mar'),
      config.mar,
    ),
    'x_enc',
  ); // (b, buffers + V, E)
  const z = projectIn(x, w, config);

  const past = graph.input('past', [batch], 'u32');
  const cache = kvCache(graph, config.language, batch, shape.text + N + bufferTokens);
  const language = w.at('llm.model');
  const hidden = decoderLayers(gather(index('to_language', batch, length), z), language, {
    config: config.language,
    past,
    cache,
  });
  const h = finalNorm(hidden, language, config.language); // (B, V + buffers, H)

  const front = reshape(gather(index('from_language', batch, length), h), [batch, length, H]);
  const both = gather(index('both_branches', batch, length), x);
  const joined = named(add(both, projectOut(front, w, config)), 'x_dec_in'); // (B, buffers + V, E)

  const decoder = marDecoder(
    joined,
    index('decoder_index', batch, bufferTokens + N),
    graph.input('decoder_positions', [bufferTokens + N, E]),
    { rows: index('chosen_index', batch, predicted), others: graph.input('others', [batch], 'u32') },
    w.at('mar'),
    config.mar,
  );
  const condition = marCondition(
    decoder,
    index('chosen_position', batch, predicted),
    graph.input('diffusion_positions', [N, E]),
    w.at('mar'),
    config.mar,
  ); // (B, R, E)
  graph.output('condition', conditionEmbedding(condition, w.at(HEAD), config)); // (B, R, W)
  return graph;
}

/** Embeddings of the sampler's timesteps: sinusoids (S, 256) → time (S, W). */
export function timeGraph(config: HarmonConfig, timesteps: number): Graph {
  const graph = new Graph('time');
  const x = graph.input('sinusoids', [timesteps, SINUSOID]);
  graph.output('time', timeEmbedding(x, weightsOf(graph, HEAD), config));
  return graph;
}

const headRows = (shape: GenerateShape) => mulDims(shape.pictures, extent('predicted', shape.predicted));

/** Modulations of `count` timesteps from `start` on, for all rows. */
export function modulationGraph(config: HarmonConfig, shape: GenerateShape): Graph {
  const graph = new Graph('modulations');
  const W = config.diffusion.width;
  const rows = mulDims(shape.branches, headRows(shape));
  const time = graph.input('time', [shape.timesteps, W]);
  const condition = graph.input('condition', [rows, W]);
  const chunk = rowRange(time, extent('start', shape.timesteps), extent('count', shape.chunk));
  graph.output('modulation', modulations(chunk, condition, weightsOf(graph, HEAD), config));
  return graph;
}

/** One timestep of the sampler, or up to `shape.steps` of them: `step` counts the steps of the run, `local` those of the chunk. */
export function stepGraph(config: HarmonConfig, shape: GenerateShape): Graph {
  const graph = new Graph('step');
  const { branches, timesteps } = shape;
  const rows = headRows(shape);
  const all = mulDims(branches, rows);
  const w = weightsOf(graph, HEAD);
  const step = {
    x: graph.state('x', [all, config.mar.tokenDim]),
    noise: graph.input('noise', [timesteps, rows, config.mar.tokenDim]),
    coefficients: graph.input('coefficients', [timesteps, 8]),
    modulation: graph.input('modulation', [shape.chunk, all, modulationWidth(config)]),
    step: extent('step', timesteps - 1),
    local: extent('local', shape.chunk - 1),
    branches,
    rows,
  };
  if (shape.steps === undefined) samplerStep(step, w, config);
  else samplerSteps(step, extent('steps', shape.steps), w, config);
  return graph;
}

/** Finished tokens into their places: x's conditional rows → rows `place` of tokens. */
export function placeGraph(config: HarmonConfig, shape: GenerateShape): Graph {
  const graph = new Graph('place');
  const rows = headRows(shape);
  const { tokenDim } = config.mar;
  const tokens = graph.state('tokens', [shape.pictures * shape.grid[0] * shape.grid[1], tokenDim]);
  const x = graph.state('x', [mulDims(shape.branches, rows), tokenDim]);
  scatter(tokens, graph.input('place', [rows], 'u32'), rowRange(x, 0, rows));
  return graph;
}

/** Tokens of picture number `picture` → image (16m, 16n, 3), before clamping. */
export function decodeGraph(config: HarmonConfig, grid: Grid, pictures: number): Graph {
  const graph = new Graph('vae_decoder');
  const [m, n] = grid;
  const tokens = graph.state('tokens', [pictures * m * n, config.mar.tokenDim]);
  const one = rowRange(tokens, mulDims(extent('picture', pictures - 1), m * n), m * n);
  const latents = scale(reshape(one, [m, n, config.mar.tokenDim]), 1 / config.vae.latentScale);
  graph.output('image', vaeDecoder(latents, weightsOf(graph, 'vae'), config.vae));
  return graph;
}

/** Input `pixels` (16m, 16n, 3) in −1 … 1 → scaled latents (m, n, tokenDim): the mean of the moments, no noise. */
function encoded(graph: Graph, config: HarmonConfig, [m, n]: Grid): Tensor {
  const pixels = graph.input('pixels', [16 * m, 16 * n, 3]);
  const moments = named(vaeEncoder(pixels, weightsOf(graph, 'vae'), config.vae), 'moments'); // (m, n, 2·tokenDim)
  return scale(columns(moments, 0, config.mar.tokenDim), config.vae.latentScale);
}

/** A picture → the tokens that it is made of: pixels (16m, 16n, 3) → latents (m, n, tokenDim). */
export function encodeGraph(config: HarmonConfig, grid: Grid): Graph {
  const graph = new Graph('vae_encoder');
  graph.output('latents', encoded(graph, config, grid));
  return graph;
}

/** A picture → what the language model is given: pixels (16m, 16n, 3) → z_enc (1, N + buffers, H), buffers last. */
export function seeGraph(config: HarmonConfig, grid: Grid): Graph {
  const graph = new Graph('see');
  const N = grid[0] * grid[1];
  const { bufferTokens, tokenDim, width: E } = config.mar;
  const w = weightsOf(graph);
  const latents = named(encoded(graph, config, grid), 'latents');
  const index = (name: string) => graph.input(name, [1, bufferTokens + N], 'u32');
  const x = named(
    marEncoder(
      {
        tokens: reshape(latents, [N, tokenDim]),
        index: index('encoder_index'),
        position: index('encoder_position'),
        positions: graph.input('encoder_positions', [bufferTokens + N, E]),
      },
      w.at('mar'),
      config.mar,
    ),
    'x_enc',
  );
  graph.output('z_enc', gather(index('to_language'), projectIn(x, w, config)));
  return graph;
}

/** Sizes of image-to-text that are fixed while its sessions live. */
export interface DescribeShape {
  readonly grid: Grid;
  /** Longest prompt, picture included. */
  readonly prompt: number;
  /** Length of the cache: prompt and answer. */
  readonly cache: number;
}

/** Logits of one position and the next token, chosen greedily under the repetition penalty and put behind the `sequence`. hidden (1, 1, H). */
function nextToken(graph: Graph, hidden: Tensor, config: HarmonConfig, sequence: Sequence): void {
  const { vocabSize, hiddenSize, tiedEmbeddings } = config.language;
  const w = weightsOf(graph, 'llm');
  const h = named(finalNorm(hidden, w.at('model'), config.language), 'hidden');
  const head = tiedEmbeddings ? embedding(graph, config) : w.get('lm_head.weight', [vocabSize, hiddenSize]);
  const logits = named(linear(reshape(h, [1, hiddenSize]), head), 'logits');
  const seen = graph.state('seen', [vocabSize], 'u32');
  graph.output('next', argmax(logits, seen, { penalty: config.repetitionPenalty, sequence }));
}

/** What passes hand on: how many positions lie in the cache, and the id chosen for each position of the answer. `rows`: positions of this pass. */
function answerSequence(graph: Graph, { cache }: DescribeShape, rows: Dim): Sequence {
  return { past: graph.state('past', [1], 'u32'), ids: graph.state('ids', [cache], 'u32'), rows };
}

/** The whole prompt into the cache, and the first token of the answer. index u32 (1, prompt): vocabulary rows, then rows of z_enc. */
export function prefillGraph(config: HarmonConfig, shape: DescribeShape): Graph {
  const graph = new Graph('prefill');
  const { hiddenSize } = config.language;
  const N = shape.grid[0] * shape.grid[1];
  const z = graph.input('z_enc', [1, N + config.mar.bufferTokens, hiddenSize]);
  const prompt = extent('prompt', shape.prompt);
  const index = graph.input('index', [1, prompt], 'u32');
  const sequence = answerSequence(graph, shape, prompt);
  const cache = kvCache(graph, config.language, 1, shape.cache);
  const x = gather(index, embedding(graph, config), z);
  const pass = { config: config.language, past: sequence.past, cache };
  const hidden = decoderLayers(x, weightsOf(graph, 'llm.model'), pass);
  nextToken(graph, gather(graph.input('last', [1], 'u32'), hidden), config, sequence);
  return graph;
}

/** One more token: the cache grows by one row. It follows the pass before by itself: the host need not know what was chosen. */
export function decodeStepGraph(config: HarmonConfig, shape: DescribeShape): Graph {
  const graph = new Graph('decode_step');
  const token = graph.input('token', [1, 1], 'u32');
  const sequence = answerSequence(graph, shape, 1);
  const cache = kvCache(graph, config.language, 1, shape.cache);
  const x = gather(token, embedding(graph, config)); // (1, 1, H)
  const pass = { config: config.language, past: sequence.past, cache };
  nextToken(graph, decoderLayers(x, weightsOf(graph, 'llm.model'), pass), config, sequence);
  return graph;
}
