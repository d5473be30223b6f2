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
  const project = (name: string, width: number) =>
    linear(x, w.get(`${name}.weight`, [width, hiddenSize]), w.get(`${name}.bias`, [width]));
  const q = rope(project('q_proj', heads * headDim), { heads, theta, past }); // (B, T, heads·D)
  const k = rope(project('k_proj', kvHeads * headDim), { heads: kvHeads, theta, past }); // (B, T, kvHeads·D)
  const keys = append(cache[layer].k, k, past); // (B, S, kvHeads·D)
  const values = append(cache[layer].v, project('v_proj', kvHeads * headDim), past);
  const a = named(attention(q, keys, values, { heads, kvHeads, past, causal: true }), w.path);
  return linear(a, w.get('o_proj.weight', [hiddenSize, heads * headDim]));
}

function mlp(x: Tensor, w: Weights, { hiddenSize, intermediateSize }: LanguageConfig): Tensor {
  const gate = linear(x, w.get('gate_proj.weight', [intermediateSize, hiddenSize]));
  const up = linear(x, w.get('up_proj.weight', [intermediateSize, hiddenSize]));
  return linear(siluMul(gate, up), w.get('down_proj.weight', [hiddenSize, intermediateSize]));
}
