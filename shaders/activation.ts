/** Activation functions as WGSL on f32 or vec4f, for kernels of their own and for epilogues. */
export type Activation = 'none' | 'silu' | 'gelu';

/** erf(x)/x in x², |x| < 1: Chebyshev fit, error 3e-11 before rounding. */
const SMALL = [
  1.128379225730896, -0.37612637877464294, 0.11283782869577408, -0.026865437626838684, 0.005221053492277861,
  -0.0008484396385028958, 0.00011268253729213029, -9.673590284364764e-6,
];
/** erfc(x)·e^(x²) in t = 1/(1 + x/2), 1 ≤ x ≤ 4.2: Chebyshev fit, error 2e-11 before rounding. */
const LARGE = [
  -0.00010541605297476053, 0.2840762138366699, 0.26591065526008606, 0.32156437635421753, -0.0350569486618042,
  0.449622243642807, -0.3544715344905853, 0.051429711282253265, 0.01714165322482586,
];

function horner(coefficients: readonly number[], x: string, type: string): string {
  return coefficients.reduceRight((inner, c) => (inner ? `fma(${inner}, ${x}, ${type}(${c}))` : `${type}(${c})`), '');
}

/** Declares `activate(x)` on `type`. silu: x/(1 + e^−x). gelu: the exact form ½x(1 + erf(x/√2)). */
export function declareActivation(kind: Activation, type: 'f32' | 'vec4f' = 'vec4f'): string {
  if (kind === 'none') return '';
  if (kind === 'silu') return `fn activate(x: ${type}) -> ${type} { return x / (1.0 + exp(-x)); }\n`;
  return `
fn erf(x: ${type}) -> ${type} {
  let a = min(abs(x), ${type}(4.2));
  let s = x * x;
  let t = 1.0 / (1.0 + 0.5 * a);
  let near = x * ${horner(SMALL, 's', type)};
  let far = sign(x) * (1.0 - exp(-a * a) * ${horner(LARGE, 't', type)});
  return select(far, near, a < ${type}(1.0));
}
fn activate(x: ${type}) -> ${type} { return 0.5 * x * (1.0 + erf(x * 0.70710678118654752)); }
`;
}
