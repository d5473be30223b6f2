/**
 * rope: rotates the pairs (x[i], x[i + D/2]) of each head by position·f_i, f_i = theta^(−2i/D); position = past[b] + t.   x (B, T, heads·D).
 * The result goes to y (B, T, heads·D), or to rows past[b] + t of a cache (B, S, heads·D).
 *
 * Angles are whole numbers, in turns·2^−32, so that no digit is lost at large positions: f_i is kept in 48 bits, u32 arithmetic drops whole
 * turns by itself. What is left is within an eighth of a turn after the quadrant is taken off; there sine and cosine are short polynomials.
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { cached, entry, groupIndex } from './common.ts';

export interface RopeOptions {
  /** D */
  readonly depth: number;
  readonly theta: number;
  /** Write into a cache. */
  readonly cache: boolean;
  /** D/2 and the placement of x allow reading in vec4s. */
  readonly vector: boolean;
}

export const ropeLanes = 64;

/** f_i in turns: its first 32 binary places, and the next 16. */
function turns(i: number, depth: number, theta: number): { high: number; low: number } {
  const places = (theta ** ((-2 * i) / depth) / (2 * Math.PI)) * 2 ** 32;
  const high = Math.floor(places);
  return { high: high % 2 ** 32, low: Math.floor((places - high) * 2 ** 16) };
}

/** A constant array of u32, or of vec4u with four of `values` each. */
function table(name: string, values: readonly number[], vector: boolean): string {
  if (!vector) return `const ${name} = array<u32, ${values.length}>(${values.map((v) => `${v}u`).join(', ')});`;
  const items = values
    .filter((_, i) => i % 4 === 0)
    .map((_, i) => `vec4u(${values.slice(4 * i, 4 * i + 4).join(', ')})`);
  return `const ${name} = array<vec4u, ${items.length}>(${items.join(', ')});`;
}

export const ropeShader = cached((o: RopeOptions): string => {
  const per = o.vector ? 4 : 1;
  const [F, I, U] = o.vector ? ['vec4f', 'vec4i', 'vec4u'] : ['f32', 'i32', 'u32'];
  const half = o.depth / 2 / per;
  const frequency = Array.from({ length: o.depth / 2 }, (_, i) => turns(i, o.depth, o.theta));
  const high = frequency.map((f) => f.high);
  const low = frequency.map((f) => f.low);
  return wgsl`
struct Params {
  rows: u32,       // B·T
  length: u32,     // T
  past_offset: u32,
  heads: u32,
  x_offset: u32,   // elements
  x_stride: u32,
  #if ${o.cache}
  cached: u32,     // S
  #endif
}
@group(0) @binding(0) var<storage, read> x: array<${F}>;
@group(0) @binding(1) var<storage, read> past: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<${F}>;
@group(0) @binding(3) var<uniform> params: Params;
${table('turns_high', high, o.vector)}
${table('turns_low', low, o.vector)}

/** Sine of r·π/2 for |r| ≤ ½. */
fn sine(r: ${F}) -> ${F} {
  let a = r * 1.5707963267948966;
  let s = a * a;
  return fma(a * s, fma(s, fma(s, fma(s, ${F}(2.7557319e-6), ${F}(-1.9841270e-4)), ${F}(8.3333333e-3)), ${F}(-0.16666667)), a);
}
fn cosine(r: ${F}) -> ${F} {
  let a = r * 1.5707963267948966;
  let s = a * a;
  return fma(s, fma(s, fma(s, fma(s, fma(s, ${F}(-2.7557319e-7), ${F}(2.4801587e-5)), ${F}(-1.3888889e-3)), ${F}(4.1666667e-2)), ${F}(-0.5)), ${F}(1.0));
}
${entry(ropeLanes)} {
  let index = (${groupIndex}) * ${ropeLanes}u + lane;
  let i = index % ${half}u;
  let head = index / ${half}u % params.heads;
  let row = index / (${half}u * params.heads);
  if (row >= params.rows) { return; }
  let batch = row / params.length;
  let position = past[params.past_offset + batch] + row % params.length;
  #if ${o.cache}
  if (position >= params.cached) { return; }
  let to = batch * params.cached + position;
  #else
  let to = row;
  #endif
  let low = turns_low[i];
  let phase = position * turns_high[i] + (position >> 16u) * low + (((position & 0xffffu) * low) >> ${U}(16u));
  let quadrant = (phase + 0x20000000u) >> ${U}(30u);
  let r = ${F}(bitcast<${I}>(phase - (quadrant << ${U}(30u)))) * ${2 ** -30};   // in quarter turns
  let odd = (quadrant & ${U}(1u)) == ${U}(1u);
  let sin_r = sine(r);
  let cos_r = cosine(r);
  let s = select(sin_r, cos_r, odd) * select(${F}(1.0), ${F}(-1.0), quadrant >= ${U}(2u));
  let c = select(cos_r, sin_r, odd) * select(${F}(1.0), ${F}(-1.0), (quadrant == ${U}(1u)) | (quadrant == ${U}(2u)));
  let from_head = (params.x_offset + row * params.x_stride) / ${per}u + head * ${2 * half}u + i;
  let to_head = (to * params.heads + head) * ${2 * half}u + i;
  let a = x[from_head];
  let b = x[from_head + ${half}u];
  y[to_head] = fma(a, c, -(b * s));
  y[to_head + ${half}u] = fma(b, c, a * s);
}
`;
});
