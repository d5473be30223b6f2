/**
 * The diffusion head: an MLP whose norms are modulated by timestep and condition. The modulations do not depend on the noisy tokens, so they
 * are made for many timesteps in one product; a step then reads its rows.
 */
import {
  type Dim,
  type Tensor,
  type Weights,
  columns,
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

/** Shift, scale and gate of each block for every timestep and row, then shift and scale of the last layer: (S, R, 3W) … (S, R, 2W). */
export function modulations(time: Tensor, condition: Tensor, w: Weights, config: HarmonConfig): Tensor[] {
  const { width: W, blocks } = config.diffusion;
  const s = silu(outerAdd(time, condition)); // (S, R, W)
  const made = Array.from({ length: blocks }, (_, j) => dense(s, w.at('res_blocks', j, 'adaLN_modulation.1'), 3 * W));
  return [...made, dense(s, w.at('final_layer.adaLN_modulation.1'), 2 * W)];
}

/** The head at one timestep: noisy tokens x (R, tokenDim) → noise and variance values (R, 2·tokenDim). `step` picks the modulations' rows. */
export function diffusionHead(
  x: Tensor,
  modulation: readonly Tensor[],
  step: Dim,
  w: Weights,
  config: HarmonConfig,
): Tensor {
  const { width: W, blocks } = config.diffusion;
  const R = rows(x);
  const part = (table: Tensor, i: number) => columns(rowRange(table, mulDims(step, R), R), i * W, W);
  let h = dense(x, w.at('input_proj'), W); // (R, W)
  for (let j = 0; j < blocks; j++) {
    const b = w.at('res_blocks', j);
    const [shift, scale, gate] = [0, 1, 2].map((i) => part(modulation[j], i));
    const norm = { weight: b.get('in_ln.weight', [W]), bias: b.get('in_ln.bias', [W]) };
    const u = layerNorm(h, { ...norm, shift, scale, eps: EPS });
    h = named(gatedAdd(h, gate, dense(silu(dense(u, b.at('mlp.0'), W)), b.at('mlp.2'), W)), b.path);
  }
  const [shift, scale] = [0, 1].map((i) => part(modulation[blocks], i));
  return dense(layerNorm(h, { shift, scale, eps: EPS }), w.at('final_layer.linear'), 2 * width(x));
}

export interface SamplerStep {
  /** Noisy tokens, a state (branches·R, tokenDim). */
  readonly x: Tensor;
  readonly noise: Tensor;
  readonly coefficients: Tensor;
  readonly modulation: readonly Tensor[];
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
