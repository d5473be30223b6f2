/**
 * attention_combine: y = the chunks of `attention_split` put together.   x (B, kvHeads, chunks, G, D + 4), y (B, 1, kvHeads·G·D).
 *
 * One invocation computes one vec4 of a row (b, kv head, g). Chunks without keys were not written and are not read; one chunk alone goes on as it is.
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { attentionChunk } from './attention_split.ts';
import { cached, entry, groupIndex } from './common.ts';

export const attentionCombineLanes = 64;

/** `depth` is D. */
export const attentionCombineShader = cached(({ depth }: { readonly depth: number }): string => {
  const units = depth / 4;
  return wgsl`
struct Params {
  rows: u32,       // B·kvHeads·G
  heads: u32,      // kvHeads·G
  sharing: u32,    // G
  keys: u32,       // S
  chunks: u32,     // of S keys
  past_offset: u32,
}
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> past: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(3) var<uniform> params: Params;
const scaling = ${Math.LOG2E / Math.sqrt(depth)};   // of scores, for powers of 2
${entry(attentionCombineLanes)} {
  let index = (${groupIndex}) * ${attentionCombineLanes}u + lane;
  let row = index / ${units}u;
  if (row >= params.rows) { return; }
  let seen = min(params.keys, past[params.past_offset + row / params.heads] + 1u);
  let stride = params.sharing * ${units + 1}u;   // from chunk to chunk
  let first = row / params.sharing * params.chunks * stride + row % params.sharing * ${units + 1}u;
  let end = first + (seen + ${attentionChunk - 1}u) / ${attentionChunk}u * stride;
  var top = x[first + ${units}u].x;
  for (var at = first + stride; at < end; at += stride) { top = max(top, x[at + ${units}u].x); }
  var total = 0.0;
  var sum = vec4f();
  for (var at = first; at < end; at += stride) {
    let state = x[at + ${units}u];
    let weight = select(exp2((state.x - top) * scaling), 1.0, state.x == top);
    total = fma(weight, state.y, total);
    sum = fma(vec4f(weight), x[at + index % ${units}u], sum);
  }
  y[index] = sum / total;
}
`;
});
