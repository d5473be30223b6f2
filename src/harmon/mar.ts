/**
 * The MAR encoder and decoder: stacks of ViT blocks over buffer tokens and image tokens, and the projectors between them and the language
 * model. Which tokens are visible is data: rows are gathered by index lists that the host writes.
 */
import {
  type Tensor,
  type Weights,
  add,
  attention,
  columns,
  gather,
  gelu,
  layerNorm,
  linear,
  named,
  silu,
  width,
} from '../engine/index.ts';
import type { HarmonConfig, MarConfig } from './config.ts';

/** LayerNorm with the weights at `w`. */
function norm(x: Tensor, w: Weights, eps: number): Tensor {
  const size = [width(x)];
  return named(layerNorm(x, { weight: w.get('weight', size), bias: w.get('bias', size), eps }), w.path);
}

function dense(x: Tensor, w: Weights, outputs: number): Tensor {
  return linear(x, w.get('weight', [outputs, width(x)]), w.get('bias', [outputs]));
}

/** Rows of a block that are wanted, u32 (B, R), numbered through all of x; and how many of each batch are not, u32 (B): T − R. */
export interface Chosen {
  readonly rows: Tensor;
  readonly others: Tensor;
}

/** Pre-norm ViT block: bidirectional attention, then an MLP with exact GELU. x (B, T, E) → (B, T, E), or its chosen rows (B, R, E). */
function vitBlock(x: Tensor, w: Weights, heads: number, config: MarConfig, chosen?: Chosen): Tensor {
  const { width: E, mlpWidth, layerNormEps: eps } = config;
  const qkv = dense(norm(x, w.at('norm1'), eps), w.at('attn.qkv'), 3 * E); // (B, T, 3E): q, k, v
  const [q, k, v] = [0, 1, 2].map((i) => columns(qkv, i * E, E));
  if (chosen) x = gather(chosen.rows, x);
  // as if the other rows came before the chosen ones, so that these see all keys
  const query = chosen ? gather(chosen.rows, q) : q;
  const a = named(attention(query, k, v, { heads, kvHeads: heads, past: chosen?.others }), w.at('attn').path);
  x = add(x, dense(a, w.at('attn.proj'), E));
  x = add(x, dense(gelu(dense(norm(x, w.at('norm2'), eps), w.at('mlp.fc1'), mlpWidth)), w.at('mlp.fc2'), E));
  return named(x, w.path);
}

function vitBlocks(x: Tensor, w: Weights, name: string, depth: number, heads: number, config: MarConfig): Tensor {
  for (let i = 0; i < depth; i++) x = vitBlock(x, w.at(name, i), heads, config);
  return x;
}

export interface EncoderInput {
  /** Scaled latents, (rows, tokenDim). */
  readonly tokens: Tensor;
  /** u32 (b, buffers + V): 0 for a buffer token, 1 + row of `tokens` for a visible one. */
  readonly index: Tensor;
  /** u32 (b, buffers + V): rows of `positions`. */
  readonly position: Tensor;
  /** Position table at this grid, (buffers + N, E). */
  readonly positions: Tensor;
}

/** Buffer tokens and visible tokens → x_enc (b, buffers + V, E), buffers first. w is `mar`. */
export function marEncoder(
  { tokens, index, position, positions }: EncoderInput,
  w: Weights,
  config: MarConfig,
): Tensor {
  const { width: E, encoderDepth, encoderHeads, layerNormEps: eps } = config;
  const u = dense(tokens, w.at('z_proj'), E); // (rows, E)
  const x = add(gather(index, w.get('fake_latent', [1, E]), u), gather(position, positions)); // (b, buffers + V, E)
  const blocks = vitBlocks(norm(x, w.at('z_proj_ln'), eps), w, 'encoder_blocks', encoderDepth, encoderHeads, config);
  return norm(blocks, w.at('encoder_norm'), eps);
}

/**
 * Visible rows back among mask tokens, through the decoder's blocks: x (B, buffers + V, E) → the `chosen` of its rows, before the last norm, (B, R, E).
 * The last block computes no others.
 */
export function marDecoder(
  x: Tensor,
  index: Tensor,
  positions: Tensor,
  chosen: Chosen,
  w: Weights,
  config: MarConfig,
): Tensor {
  const { width: E, decoderDepth, decoderHeads } = config;
  const embedded = dense(x, w.at('decoder_embed'), E);
  // index u32 (B, buffers + N): 0 for the mask token, 1 + row of x for a buffer or visible token
  const full = add(gather(index, w.get('mask_token', [1, 1, E]), embedded), positions);
  const before = vitBlocks(full, w, 'decoder_blocks', decoderDepth - 1, decoderHeads, config);
  return vitBlock(before, w.at('decoder_blocks', decoderDepth - 1), decoderHeads, config, chosen);
}

/** Chosen rows of the decoder's blocks, normed, plus the diffusion head's positions: (B, R, E). position u32 (B, R). */
export function marCondition(
  chosen: Tensor,
  position: Tensor,
  positions: Tensor,
  w: Weights,
  config: MarConfig,
): Tensor {
  const rows = norm(chosen, w.at('decoder_norm'), config.layerNormEps);
  return named(add(rows, gather(position, positions)), 'cond');
}

/** proj_in: E → H. */
export function projectIn(x: Tensor, w: Weights, config: HarmonConfig): Tensor {
  const H = config.language.hiddenSize;
  return dense(silu(dense(x, w.at('proj_in.0'), H)), w.at('proj_in.2'), H);
}

/** proj_out: H → E. */
export function projectOut(x: Tensor, w: Weights, config: HarmonConfig): Tensor {
  const H = config.language.hiddenSize;
  return dense(silu(dense(x, w.at('proj_out.0'), H)), w.at('proj_out.2'), config.mar.width);
}
