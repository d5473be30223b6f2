/** GroupNorm in the prologue of a convolution: four channels of x are normalised when they are read, by a table that `group_norm.combine` has made. */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { type Activation, declareActivation } from './activation.ts';

/** How the input of a kernel is normalised: the activation after it. Without, it is read as it lies there. */
export type Prologue = Activation | undefined;

/**
 * `norm_at(unit)`: what four channels are normalised with; `normalise(x, n)`: activate((x − mean)·scale + shift) of them. Both hand on what they are
 * given where there is no prologue, and nothing is bound then. Cin is `params.channels`.
 */
export function declareNormalise(binding: number, prologue: Prologue): string {
  return wgsl`
#if ${prologue !== undefined}
struct Norm { mean: vec4f, scale: vec4f, shift: vec4f }
@group(0) @binding(${binding}) var<storage, read> norm: array<vec4f>;   // (3, Cin)
${declareActivation(prologue ?? 'none')}
fn norm_at(unit: u32) -> Norm {
  let units = params.channels / 4u;
  return Norm(norm[unit], norm[units + unit], norm[2u * units + unit]);
}
fn normalise(x: vec4f, n: Norm) -> vec4f {
  let value = fma(x - n.mean, n.scale, n.shift);
  return ${(prologue ?? 'none') === 'none' ? 'value' : 'activate(value)'};
}
#else
fn norm_at(unit: u32) -> u32 { return unit; }
fn normalise(x: vec4f, n: u32) -> vec4f { return x; }
#endif
`;
}
