/**
 * Qwen2, the language model: RMSNorm, grouped-query attention with rotary positions over a KV cache, gated SiLU MLP.
 * One graph function serves text passes, passes over image tokens and decode steps; they differ in `past` and in the number of new tokens.
 */
import {
  type Graph,
  type Tensor,
  type Weights,
  add,
  append,
  attention,
  columns,
  linear,
  named,
  rmsNorm,
  rope,
  siluMul,
} from '../engine/index.ts';
import type { LanguageConfig } from './config.ts';

/** One pass: which rows of the cache are valid before it, and the cache. */
export interface Pass {
  readonly config: LanguageConfig;
  /** u32 (B): cached positions of each row; its new tokens get positions past, past + 1, … */
  readonly past: Tensor;
  /** A layer's keys and values, (B, S, kvHeads·headDim). */
  readonly cache: readonly { readonly k: Tensor; readonly v: Tensor }[];
}

/** The cache of all layers as states of `graph`, S positions a row. */
export function kvCache(graph: Graph, config: LanguageConfig, batch: number, length: number): Pass['cache'] {
  const shape = [batch, length, config.kvHeads * config.headDim];
  return Array.from({ length: config.layers }, (_, i) => ({
    k: graph.state(`cache.${i}.k`, shape),
    v: graph.state(`cache.${i}.v`, shape),
  }));
}

/** Hidden states after the last layer, before the final norm. x (B, T, H) → (B, T, H). w is `llm.model`. */
export function decoderLayers(x: Tensor, w: Weights, pass: Pass): Tensor {
  for (let i = 0; i < pass.config.layers; i++) x = decoderLayer(x, w.at('layers', i), pass, i);
  return x;
}

/** The norm that follows the last layer. */
export function finalNorm(x: Tensor, w: Weights, config: LanguageConfig): Tensor {
  return norm(x, w.at('norm'), config);
}

function decoderLayer(x: Tensor, w: Weights, pass: Pass, layer: number): Tensor {
  x = add(x, selfAttention(norm(x, w.at('input_layernorm'), pass.config), w.at('self_attn'), pass, layer));
  x = add(x, mlp(norm(x, w.at('post_attention_layernorm'), pass.config), w.at('mlp'), pass.config));
  return named(x, w.path);
}

function norm(x: Tensor, w: Weights, config: LanguageConfig): Tensor {
  return named(rmsNorm(x, w.get('weight', [config.hiddenSize]), { eps: config.rmsNormEps }), w.path);
}

function selfAttention(x: Tensor, w: Weights, { config, past, cache }: Pass, layer: number): Tensor {
  const { heads, kvHeads, headDim, hiddenSize, ropeTheta: theta } = config;
  const [Q, KV] = [heads * headDim, kvHeads * headDim];
  const projections = [
    { at: w.at('q_proj'), width: Q },
    { at: w.at('k_proj'), width: KV },
    { at: w.at('v_proj'), width: KV },
  ];
  const qkv = linear(
    x,
    projections.map(({ at, width }) => at.get('weight', [width, hiddenSize])),
    projections.map(({ at, width }) => at.get('bias', [width])),
  ); // (B, T, Q + 2KV)
  const q = rope(columns(qkv, 0, Q), { heads, theta, past });
  const k = rope(columns(qkv, Q, KV), { heads: kvHeads, theta, past });
  const keys = append(cache[layer].k, k, past); // (B, S, KV)
  const values = append(cache[layer].v, columns(qkv, Q + KV, KV), past);
  const a = named(attention(q, keys, values, { heads, kvHeads, past, causal: true }), w.path);
  return linear(a, w.get('o_proj.weight', [hiddenSize, heads * headDim]));
}

function mlp(x: Tensor, w: Weights, { hiddenSize, intermediateSize }: LanguageConfig): Tensor {
  const both = linear(
    x,
    ['gate_proj', 'up_proj'].map((name) => w.get(`${name}.weight`, [intermediateSize, hiddenSize])),
  ); // (B, T, 2I)
  const [gate, up] = [0, 1].map((i) => columns(both, i * intermediateSize, intermediateSize));
  return linear(siluMul(gate, up), w.get('down_proj.weight', [hiddenSize, intermediateSize]));
}
