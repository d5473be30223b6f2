/**
 * linear by matrices of a subgroup (Dawn's experimental feature): y = activate(x·Wᵀ + bias) + residual.   x (M, K), W (N, K), y (M, N).
 *
 * One workgroup computes 64×64 outputs in steps of 32 of K, which lie in workgroup memory as f16; each subgroup owns strips of rows. The hardware
 * multiplies f16 and adds f32. So that nothing is lost but range, x is taken apart: x = 64·high + low/32, both f16 and summed by themselves, which
 * keeps 22 bits of values up to 4 million. Weights of 16 bits and less are exact, scaled by 64, where they are no less than 1e-6 and no more than 1023.
 * The order of sums is the hardware's. Has only been compiled, never run: no adapter with the feature was at hand.
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { cached, groupIndex, unroll } from './common.ts';
import { type LinearOptions, linearHead, linearStore } from './linear_parts.ts';

/** Rows, columns and steps of K that the hardware multiplies at once. */
export interface MatrixShape {
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

export interface LinearMatrixOptions extends LinearOptions {
  readonly shape: MatrixShape;
  /** Invocations of every subgroup. */
  readonly lanes: number;
}

/** Rows and columns of a workgroup's outputs. */
export const matrixTile = 64;
/** Of a workgroup: a multiple of every subgroup's. */
const INVOCATIONS = 128;
const DEPTH = 32;

/** Whether strips of rows go round the subgroups, and all lies in WebGPU's 16 KiB: 12 of operands, and a matrix of sums for each subgroup. */
export function matrixFits({ M, N, K }: MatrixShape, lanes: number): boolean {
  const subgroups = INVOCATIONS / lanes;
  const divides = [(matrixTile / M) % subgroups, matrixTile % N, DEPTH % K, (M * N) % 4, N % 4].every(
    (rest) => rest === 0,
  );
  return Number.isInteger(subgroups) && divides && subgroups * M * N * 4 <= 4096;
}

export const linearMatrixShader = cached((o: LinearMatrixOptions): string => {
  const { M, N, K } = o.shape;
  const subgroups = INVOCATIONS / o.lanes;
  const strips = matrixTile / M / subgroups; // of a subgroup
  const across = matrixTile / N;
  const quads = (M * N) / 4;
  const each = (text: (s: number, c: number) => string) => unroll(strips, (s) => unroll(across, (c) => text(s, c)));
  const size = matrixTile * DEPTH;
  return wgsl`
enable f16;
enable subgroups;
enable chromium_experimental_subgroup_matrix;
${linearHead(o)}
${linearStore(o)}
var<workgroup> x_high: array<f16, ${size}>;
var<workgroup> x_low: array<f16, ${size}>;
var<workgroup> w: array<f16, ${size}>;
var<workgroup> sums: array<f32, ${subgroups * M * N}>;

// Brings rows of x and W, ${DEPTH} of K from k on; zeros beyond K.
fn bring(lane: u32, origin: vec2u, k: u32) {
  for (var index = lane; index < ${size / 4}u; index += ${INVOCATIONS}u) {
    let row = index / ${DEPTH / 4}u;
    let at = k / 4u + index % ${DEPTH / 4}u;
    var a = vec4f();
    var b = vec4f();
    if (at < params.depth / 4u) {
      a = x[(params.x_offset + min(origin.x + row, params.rows - 1u) * params.x_stride) / 4u + at];
      b = weight_at4(min(origin.y + row, params.columns - 1u) * (params.depth / 4u) + at);
    }
    let high = vec4<f16>(a / 64.0);
    let low = vec4<f16>((a - 64.0 * vec4f(high)) * 32.0);
    let scaled = vec4<f16>(b * 64.0);
    ${unroll(4, (i) => `x_high[4u * index + ${i}u] = high[${i}]; x_low[4u * index + ${i}u] = low[${i}]; w[4u * index + ${i}u] = scaled[${i}];`)}
  }
}

fn sums_at(at: u32) -> vec4f { return vec4f(sums[at], sums[at + 1u], sums[at + 2u], sums[at + 3u]); }

@compute @workgroup_size(${INVOCATIONS})
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) count: vec3u,
  @builtin(local_invocation_index) lane: u32,
  @builtin(subgroup_id) subgroup: u32,
  @builtin(subgroup_invocation_id) own: u32,
) {
  let tiles = (params.columns + ${matrixTile - 1}u) / ${matrixTile}u;
  let index = ${groupIndex};
  let origin = vec2u(index / tiles * ${matrixTile}u, index % tiles * ${matrixTile}u);
  if (origin.x >= params.rows) { return; }
  ${each((s, c) => `var high${s}_${c}: subgroup_matrix_result<f32, ${N}, ${M}>; var low${s}_${c}: subgroup_matrix_result<f32, ${N}, ${M}>;`)}
  for (var k = 0u; k < params.depth; k += ${DEPTH}u) {
    bring(lane, origin, k);
    workgroupBarrier();
    for (var step = 0u; step < ${DEPTH}u; step += ${K}u) {
      ${unroll(strips, (s) => {
        const load = (of: string) =>
          `subgroupMatrixLoad<subgroup_matrix_left<f16, ${K}, ${M}>, row_major>(&${of}, (subgroup + ${s * subgroups}u) * ${M * DEPTH}u + step, ${DEPTH}u)`;
        return `let a${s} = ${load('x_high')}; let b${s} = ${load('x_low')};`;
      })}
      ${unroll(
        across,
        (c) => `{
        let right = subgroupMatrixLoad<subgroup_matrix_right<f16, ${N}, ${K}>, col_major>(&w, ${c * N * DEPTH}u + step, ${DEPTH}u);
        ${unroll(strips, (s) => `high${s}_${c} = subgroupMatrixMultiplyAccumulate(a${s}, right, high${s}_${c});`)}
        ${unroll(strips, (s) => `low${s}_${c} = subgroupMatrixMultiplyAccumulate(b${s}, right, low${s}_${c});`)}
      }`,
      )}
    }
    workgroupBarrier();
  }
  let place = subgroup * ${M * N}u;
  ${each(
    (s, c) => `{
    subgroupMatrixStore<row_major>(&sums, place, low${s}_${c}, ${N}u);
    workgroupBarrier();
    ${unroll(Math.ceil(quads / o.lanes), (i) => `let low_${i} = sums_at(place + min(own + ${i * o.lanes}u, ${quads - 1}u) * 4u) / 2048.0;`)}
    workgroupBarrier();
    subgroupMatrixStore<row_major>(&sums, place, high${s}_${c}, ${N}u);
    workgroupBarrier();
    ${unroll(
      Math.ceil(quads / o.lanes),
      (i) => `if (own + ${i * o.lanes}u < ${quads}u) {
      let at = (own + ${i * o.lanes}u) * 4u;
      let row = origin.x + (subgroup + ${s * subgroups}u) * ${M}u + at / ${N}u;
      store(row, origin.y + ${c * N}u + at % ${N}u, sums_at(place + at) + low_${i});
    }`,
    )}
    workgroupBarrier();
  }`,
  )}
}
`;
});
