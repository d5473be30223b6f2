/**
 * diffusion_update: one reverse step of the respaced sampler, with classifier-free guidance on the noise.
 *
 *   e  = e_u + g·(e_c − e_u)                   v = v_c
 *   lv = f·lmax + (1 − f)·lmin,  f = (v + 1)/2
 *   x ← c1·(ra·x − rm·e) + c2·x + exp(lv/2)·ξ·temperature
 *
 * head (branches·R, 2·C): conditional rows, then unconditional ones; columns are C noise, then C variance values. x (branches·R, C) holds the
 * same state for both branches. Row `step` of coefficients is ra, rm, c1, c2, lmin, lmax, g, temperature. ξ is noise[step].
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { entry, groupIndex } from './common.ts';

export const diffusionLanes = 64;

export function diffusionUpdateShader(o: { readonly guided: boolean }): string {
  return wgsl`
struct Params {
  rows: u32,       // R, rows of one branch
  width: u32,      // C
  step: u32,
}
@group(0) @binding(0) var<storage, read> head: array<f32>;
@group(0) @binding(1) var<storage, read> noise: array<f32>;
@group(0) @binding(2) var<storage, read> coefficients: array<f32>;
@group(0) @binding(3) var<storage, read_write> x: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;
${entry(diffusionLanes)} {
  let at = (${groupIndex}) * ${diffusionLanes}u + lane;
  let elements = params.rows * params.width;
  if (at >= elements) { return; }
  let c = params.step * 8u;
  let element = at / params.width * params.width * 2u + at % params.width;
  var e = head[element];
  #if ${o.guided}
  let without = head[elements * 2u + element];
  e = fma(coefficients[c + 6u], e - without, without);
  #endif
  let f = (head[element + params.width] + 1.0) * 0.5;
  let deviation = exp(0.5 * fma(f, coefficients[c + 5u], (1.0 - f) * coefficients[c + 4u]));
  let clean = coefficients[c] * x[at] - coefficients[c + 1u] * e;
  let next = coefficients[c + 2u] * clean + coefficients[c + 3u] * x[at] + deviation * noise[params.step * elements + at] * coefficients[c + 7u];
  x[at] = next;
  #if ${o.guided}
  x[elements + at] = next;
  #endif
}
`;
}
