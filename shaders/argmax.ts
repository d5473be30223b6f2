/**
 * argmax: the id of the largest logit after the repetition penalty; the lowest id on ties, never a NaN, 0 where all are NaN.
 *
 * Two dispatches: each workgroup finds the best of its stretch of the logits, one workgroup finds the best of those and marks it as seen; with a
 * sequence it also moves the position on and writes the id there, so that the next pass can follow without the host; where no logit is a number, or
 * one is infinite, it writes 0xffffffff there, which is no id.
 * Floats are compared as whole numbers that sort like them (`rank`), so that NaN has a place of its own, below everything.
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { entry, groupIndex } from './common.ts';

const LANES = 64;
/** Logits of a workgroup. */
export const argmaxStretch = 1024;

/** A candidate is (rank, id); `better` prefers the higher rank, then the lower id. A lane leaves its best in `best`, lane 0 finds the group's. */
const candidates = `
var<workgroup> best: array<vec2u, ${LANES}>;
fn better(a: vec2u, b: vec2u) -> vec2u { return select(a, b, b.x > a.x || (b.x == a.x && b.y < a.y)); }
fn best_of_all() -> vec2u {
  var winner = best[0];
  for (var i = 1u; i < ${LANES}u; i++) { winner = better(winner, best[i]); }
  return winner;
}
`;

/** Best candidate of each stretch. */
export function argmaxStretchShader(): string {
  return wgsl`
struct Params {
  count: u32,      // V
  offset: u32,     // of the first logit
  penalty: f32,
}
@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> seen: array<u32>;
@group(0) @binding(2) var<storage, read_write> found: array<vec2u>;
@group(0) @binding(3) var<uniform> params: Params;
${candidates}
fn rank(value: f32) -> u32 {
  let bits = bitcast<u32>(value);
  let size = bits & 0x7fffffffu;
  if (size > 0x7f800000u) { return 0u; }
  if (size == 0u) { return 0x80000000u; }
  return select(bits | 0x80000000u, ~bits, bits > 0x7fffffffu);
}
${entry(LANES)} {
  let stretch = ${groupIndex};
  let start = stretch * ${argmaxStretch}u;
  let end = min(start + ${argmaxStretch}u, params.count);
  if (start >= params.count) { return; }
  var winner = vec2u(0u, 0xffffffffu);
  for (var id = start + lane; id < end; id += ${LANES}u) {
    let logit = logits[params.offset + id];
    let known = seen[id] != 0u;
    let value = select(logit, select(logit * params.penalty, logit / params.penalty, logit > 0.0), known);
    winner = better(winner, vec2u(rank(value), id));
  }
  best[lane] = winner;
  workgroupBarrier();
  if (lane == 0u) { found[stretch] = best_of_all(); }
}
`;
}

/** The best of all stretches: into `y`, and marked in `seen`; with `sequence` also into `ids`, behind the positions of this pass. */
export function argmaxBestShader(o: { readonly sequence: boolean }): string {
  return wgsl`
struct Params {
  count: u32,      // stretches
  #if ${o.sequence}
  rows: u32,       // positions of this pass
  length: u32,     // of ids
  #endif
}
@group(0) @binding(0) var<storage, read> found: array<vec2u>;
@group(0) @binding(1) var<storage, read_write> seen: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;
#if ${o.sequence}
@group(0) @binding(3) var<storage, read_write> past: array<u32>;
@group(0) @binding(4) var<storage, read_write> ids: array<u32>;
@group(0) @binding(5) var<uniform> params: Params;
#else
@group(0) @binding(3) var<uniform> params: Params;
#endif
${candidates}
${entry(LANES)} {
  var winner = vec2u(0u, 0xffffffffu);
  for (var i = lane; i < params.count; i += ${LANES}u) { winner = better(winner, found[i]); }
  best[lane] = winner;
  workgroupBarrier();
  if (lane != 0u) { return; }
  let winner_of_all = best_of_all();
  let id = winner_of_all.y;
  y[0] = id;
  seen[id] = 1u;
  #if ${o.sequence}
  let position = past[0] + params.rows;
  past[0] = position;
  // ranks of -infinity and below, and of infinity: such logits choose nothing, and the host is told
  let is_finite = winner_of_all.x > 0x007fffffu && winner_of_all.x < 0xff800000u;
  if (position < params.length) { ids[position] = select(0xffffffffu, id, is_finite); }
  #endif
}
`;
}
