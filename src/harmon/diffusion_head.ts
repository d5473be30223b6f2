/**
 * The diffusion head: an MLP whose norms are modulated by timestep and condition. The modulations do not depend on the noisy tokens, so they
 * are made for many timesteps in one product; a step then reads its rows.
 */
import {
  type Dim,
  type Tensor,
  type Weights,
  columns,
  diffusionSampler,
  diffusionUpdate,
  gatedAdd,
  layerNorm,
  linear,
  mulDims,
  named,
  outerAdd,
  rowRange,
  rows,
  silu,
  width,
} from '../engine/index.ts';
import type { HarmonConfig } from './config.ts';

const EPS = 1e-6;
/** Width of the sinusoidal embedding of a timestep. */
export const SINUSOID = 256;

function dense(x: Tensor, w: Weights, outputs: number): Tensor {
  return linear(x, w.get('weight', [outputs, width(x)]), w.get('bias', [outputs]));
}

/** cos(t·f), then sin(t·f), f_i = 10000^(−i/128): (timesteps, 256), on the host. */
export function sinusoids(timesteps: readonly number[]): Float32Array<ArrayBuffer> {
  const half = SINUSOID / 2;
  const out = new Float32Array(timesteps.length * SINUSOID);
  timesteps.forEach((t, row) => {
    for (let i = 0; i < half; i++) {
      const angle = t * Math.exp((-Math.log(10000) * i) / half);
      out[row * SINUSOID + i] = Math.cos(angle);
      out[row * SINUSOID + half + i] = Math.sin(angle);
    }
  });
  return out;
}

/** Sinusoids (S, 256) → time embeddings (S, W). w is `mar.diffloss.net`. */
export function timeEmbedding(x: Tensor, w: Weights, config: HarmonConfig): Tensor {
  const W = config.diffusion.width;
  return dense(silu(dense(x, w.at('time_embed.mlp.0'), W)), w.at('time_embed.mlp.2'), W);
}

/** Conditions (R, E) → (R, W). */
export function conditionEmbedding(condition: Tensor, w: Weights, config: HarmonConfig): Tensor {
  return dense(condition, w.at('cond_embed'), config.diffusion.width);
}

/** Columns of the modulations: shift, scale and gate of each block, then shift and scale of the last layer. */
export function modulationWidth({ diffusion: { width: W, blocks } }: HarmonConfig): number {
  return (3 * blocks + 2) * W;
}

/** The modulations of every timestep and row: (S, R, modulationWidth). */
export function modulations(time: Tensor, condition: Tensor, w: Weights, config: HarmonConfig): Tensor {
  const { width: W, blocks } = config.diffusion;
  const s = silu(outerAdd(time, condition)); // (S, R, W)
  const layers = [
    ...Array.from({ length: blocks }, (_, j) => ({ at: w.at('res_blocks', j, 'adaLN_modulation.1'), parts: 3 })),
    { at: w.at('final_layer.adaLN_modulation.1'), parts: 2 },
  ];
  return linear(
    s,
    layers.map(({ at, parts }) => at.get('weight', [parts * W, W])),
    layers.map(({ at, parts }) => at.get('bias', [parts * W])),
  );
}

/** The head at one timestep: noisy tokens x (R, tokenDim) → noise and variance values (R, 2·tokenDim). `step` picks the modulations' rows. */
export function diffusionHead(x: Tensor, modulation: Tensor, step: Dim, w: Weights, config: HarmonConfig): Tensor {
  const { width: W, blocks } = config.diffusion;
  const R = rows(x);
  const part = (i: number) => columns(rowRange(modulation, mulDims(step, R), R), i * W, W);
  let h = dense(x, w.at('input_proj'), W); // (R, W)
  for (let j = 0; j < blocks; j++) {
    const b = w.at('res_blocks', j);
    const [shift, scale, gate] = [0, 1, 2].map((i) => part(3 * j + i));
    const norm = { weight: b.get('in_ln.weight', [W]), bias: b.get('in_ln.bias', [W]) };
    const u = layerNorm(h, { ...norm, shift, scale, eps: EPS });
    h = named(gatedAdd(h, gate, dense(silu(dense(u, b.at('mlp.0'), W)), b.at('mlp.2'), W)), b.path);
  }
  const [shift, scale] = [0, 1].map((i) => part(3 * blocks + i));
  return dense(layerNorm(h, { shift, scale, eps: EPS }), w.at('final_layer.linear'), 2 * width(x));
}

export interface SamplerStep {
  /** Noisy tokens, a state (branches·R, tokenDim). */
  readonly x: Tensor;
  readonly noise: Tensor;
  readonly coefficients: Tensor;
  readonly modulation: Tensor;
  /** Row of noise and coefficients; row of the modulations. */
  readonly step: Dim;
  readonly local: Dim;
  readonly branches: 1 | 2;
  readonly rows: Dim;
}

/** One reverse diffusion step: the head, guidance, the update. Returns x as it is afterwards. */
export function samplerStep(s: SamplerStep, w: Weights, config: HarmonConfig): Tensor {
  const out = diffusionHead(s.x, s.modulation, s.local, w, config);
  return diffusionUpdate(s.x, out, s.noise, s.coefficients, s);
}

/** `steps` reverse diffusion steps from `step` on in one dispatch. Returns x as it is afterwards. */
export function samplerSteps(s: SamplerStep, steps: Dim, w: Weights, config: HarmonConfig): Tensor {
  const { width: W, blocks } = config.diffusion;
  const all = mulDims(s.branches, s.rows);
  const C = width(s.x);
  const pair = (at: Weights, outputs: number, inputs: number) => ({
    weight: at.get('weight', [outputs, inputs]),
    bias: at.get('bias', [outputs]),
  });
  const norm = (at: Weights) => ({ weight: at.get('weight', [W]), bias: at.get('bias', [W]) });
  const weights = {
    input: pair(w.at('input_proj'), W, C),
    blocks: Array.from({ length: blocks }, (_, j) => {
      const b = w.at('res_blocks', j);
      return { norm: norm(b.at('in_ln')), up: pair(b.at('mlp.0'), W, W), down: pair(b.at('mlp.2'), W, W) };
    }),
    output: pair(w.at('final_layer.linear'), 2 * C, W),
  };
  const modulation = rowRange(s.modulation, mulDims(s.local, all), mulDims(steps, all));
  return diffusionSampler(s.x, s.noise, s.coefficients, modulation, weights, { ...s, steps, eps: EPS });
}
