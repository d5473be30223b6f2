/**
 * diffusion_sampler: several timesteps of the diffusion head in one dispatch, for heads whose rows are few and whose weights lie in a cache.
 *
 *   u = x                                          h = Win·u + b
 *   for each block:  u = LN(h)·(1 + scale) + shift;  v = silu(B1·u + b1);  h += gate·(B2·v + b2)
 *   u = LN0(h)·(1 + scale) + shift;                v = O·u + o;  then guidance and the update as in diffusion_update
 *
 * One subgroup, which is the whole workgroup, takes `rows` rows (those of both branches together) through all timesteps. A lane owns every
 * `lanes`-th vec4 of a row; it writes and reads no others, so no barrier is needed, and a shuffle hands its values to all lanes. The matrices lie
 * in blocks of columns one after the other, the vectors likewise: bias of Win; for each block b1, b2, weight and bias of LN; o. A row of the
 * modulations, one for each timestep and row, has shift, scale and gate of each block, then shift and scale for LN0. Row `step` of
 * coefficients is as in diffusion_update. The text has one product and one norm with loops around them, reads from images, and stores once: every
 * static access to memory costs compile time.
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { type Storage, unroll } from './common.ts';
import { columnWeights } from './linear_subgroup.ts';

export interface DiffusionSamplerOptions {
  readonly weight: Storage;
  /** Lanes of a subgroup; 1 on devices without subgroups of one size. */
  readonly lanes: number;
  /** Rows of a workgroup; even with guidance. */
  readonly rows: number;
  /** Whether there are two branches. */
  readonly guided: boolean;
  /** W, a multiple of 32 and of four times the lanes. */
  readonly width: number;
  /** C, a multiple of 4; C/4 is a multiple of the lanes, or at most half of them. */
  readonly channels: number;
  /** Whether the modulations come as an image; otherwise in a buffer. */
  readonly image: boolean;
}

export function diffusionSamplerShader(o: DiffusionSamplerOptions): string {
  const { lanes, rows } = o;
  const branches = o.guided ? 2 : 1;
  const W = o.width / 4; // in vec4s, like everything below
  const C = o.channels / 4;
  const each = W / lanes; // vec4s of a row that a lane owns
  const [hidden, input, output] = [0, 1, 2].map((i) => `${i * rows * each}u`);
  const group4 = o.weight === 'f32' ? 32 : 16; // texels of four steps of K in a block of columns
  const own = (index: string) => `own[(${index}) * ${lanes}u + lane]`;
  const texel = (image: string, at: string) => `textureLoad(${image}, vec2u((${at}) % 1024u, (${at}) / 1024u), 0)`;
  const vector = (at: string) => `bitcast<vec4f>(${texel('vectors', at)})`;
  const modulation = (at: string) =>
    o.image
      ? `textureLoad(modulation, vec2u(${at}, row), 0)`
      : `modulation[params.modulation_offset / 4u + row * (params.blocks * 3u + 2u) * ${W}u + ${at}]`;
  const across = (value: string, from: string) => (lanes > 1 ? `subgroupShuffle(${value}, ${from})` : value);
  const total = (value: string) => (lanes > 1 ? `subgroupAdd(${value})` : value);
  const weights = columnWeights(o.weight, (at) =>
    o.weight === 'f32' ? `bitcast<vec4f>(${texel('weight', at)})` : texel('weight', at),
  );
  return wgsl`
#if ${lanes > 1}
enable subgroups;
#endif
struct Params {
  rows: u32,     // R, of one branch
  steps: u32,    // timesteps of this dispatch
  step: u32,     // the first one in noise and coefficients
  blocks: u32,
  eps: f32,
  modulation_offset: u32,   // elements; of the buffer
}
@group(0) @binding(0) var weight: texture_2d<u32>;
@group(0) @binding(1) var vectors: texture_2d<u32>;
#if ${o.image}
@group(0) @binding(2) var modulation: texture_2d<f32>;
#else
@group(0) @binding(2) var<storage, read> modulation: array<vec4f>;
#endif
@group(0) @binding(3) var<storage, read> noise: array<vec4f>;
@group(0) @binding(4) var<storage, read> coefficients: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> x: array<vec4f>;
@group(0) @binding(6) var<uniform> params: Params;
var<workgroup> own: array<vec4f, ${3 * rows * W}>;   // hidden state; input and output of a product
@compute @workgroup_size(${lanes})
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) count: vec3u,
  @builtin(${lanes > 1 ? 'subgroup_invocation_id' : 'local_invocation_index'}) lane: u32,
) {
  let first = (group.y * count.x + group.x) * ${rows / branches}u;
  if (first >= params.rows) { return; }
  let present = min(${rows / branches}u, params.rows - first) * ${branches}u;
  let last = params.blocks * 2u + 1u;
  for (var s = 0u; s < params.steps; s++) {
    let modulated = s * params.rows * ${branches}u + first;
    var matrix = 0u;
    for (var r = 0u; r < present; r++) {
      for (var i = 0u; i * ${lanes}u + lane < ${C}u; i++) {
        ${own(`${input} + r * ${each}u + i`)} = x[(first + r / ${branches}u) * ${C}u + i * ${lanes}u + lane];
      }
    }
    for (var m = 0u; m <= last; m++) {
      let odd = m % 2u == 1u;   // the products that follow a norm
      let block = (max(m, 1u) - 1u) / 2u;
      for (var r = 0u; odd && r < present; r++) {
        let start = ${hidden} + r * ${each}u;
        var sum = 0.0;
        for (var i = 0u; i < ${each}u; i++) { sum += dot(${own('start + i')}, vec4f(1.0)); }
        let mean = ${total('sum')} / ${o.width}.0;
        var square = 0.0;
        for (var i = 0u; i < ${each}u; i++) { let d = ${own('start + i')} - mean; square += dot(d, d); }
        let scaling = 1.0 / sqrt(${total('square')} / ${o.width}.0 + params.eps);
        let row = modulated + r / ${branches}u + r % ${branches}u * params.rows;
        for (var i = 0u; i < ${each}u; i++) {
          let c = i * ${lanes}u + lane;
          let affine = (block * 4u + 3u) * ${W}u + c;
          var v = (${own('start + i')} - mean) * scaling;
          if (m < last) { v = fma(v, ${vector('affine')}, ${vector(`affine + ${W}u`)}); }
          let by = block * ${3 * W}u + c;
          v = fma(v, 1.0 + ${modulation(`by + ${W}u`)}, ${modulation('by')});
          ${own(`${input} + r * ${each}u + i`)} = v;
        }
      }
      let depth = select(${W}u, ${C}u, m == 0u);
      let columns = select(${W}u, ${2 * C}u, m == last);
      let start = select(${output}, ${input}, m == 0u || odd);
      let to = select(${hidden}, ${output}, odd);
      let bias = select(block * 4u + 2u - m % 2u, 0u, m == 0u) * ${W}u;
      for (var n = 0u; n * ${lanes}u < columns; n++) {
        let c = n * ${lanes}u + lane;
        var at = matrix + c / 8u * depth * ${group4}u + c % 8u;
        ${unroll(rows, (r) => `var sum${r} = vec4f();`)}
        for (var k = 0u; k < depth; k += ${lanes}u) {
          ${unroll(rows, (r) => `let x${r} = ${own(`start + ${r * each}u + k / ${lanes}u`)};`)}
          for (var j = 0u; j < min(${lanes}u, depth - k); j++) {
            ${weights}
            ${unroll(rows, (r) => unroll(4, (i) => `sum${r} = fma(vec4f(${across(`x${r}[${i}]`, 'j')}), w${i}, sum${r});`))}
          }
        }
        for (var r = 0u; r < present; r++) {
          var value = sum0;
          switch r {
            ${unroll(rows - 1, (i) => `case ${i + 1}u: { value = sum${i + 1}; }`)}
            default: {}
          }
          value += ${vector('bias + c')};
          if (odd && m < last) { value = value / (1.0 + exp(-value)); }
          let place = to + r * ${each}u + n;
          if (!odd && m > 0u) {
            let row = modulated + r / ${branches}u + r % ${branches}u * params.rows;
            value = fma(${modulation(`block * ${3 * W}u + ${2 * W}u + c`)}, value, ${own('place')});
          }
          ${own('place')} = value;
        }
      }
      matrix += (columns + 7u) / 8u * depth * ${group4}u;
    }
    let scaled = coefficients[(params.step + s) * 2u];       // ra, rm, c1, c2
    let varied = coefficients[(params.step + s) * 2u + 1u];  // lmin, lmax, g, temperature
    for (var r = 0u; r < present; r += ${branches}u) {
      for (var i = 0u; i < ${Math.ceil(C / lanes)}u; i++) {
        let place = ${output} + r * ${each}u + i;
        var e = ${own('place')};
        #if ${C % lanes === 0}
        let v = ${own(`place + ${Math.floor(C / lanes)}u`)};
        #else
        let v = vec4f(${unroll(4, (c) => across(`e[${c}]`, `(lane + ${C}u) % ${lanes}u`), ', ')});
        #endif
        #if ${o.guided}
        let without = ${own(`place + ${each}u`)};
        e = fma(varied.zzzz, e - without, without);
        #endif
        let c = i * ${lanes}u + lane;
        if (c < ${C}u) {
          let row = first + r / ${branches}u;
          let now = x[row * ${C}u + c];
          let f = (v + 1.0) * 0.5;
          let deviation = exp(0.5 * fma(f, varied.yyyy, (1.0 - f) * varied.x));
          let clean = scaled.x * now - scaled.y * e;
          let drawn = noise[((params.step + s) * params.rows + row) * ${C}u + c];
          let next = scaled.z * clean + scaled.w * now + deviation * drawn * varied.w;
          for (var branch = 0u; branch < ${branches}u; branch++) { x[(row + branch * params.rows) * ${C}u + c] = next; }
        }
      }
    }
  }
}
`;
}
