import { type Tensor, diffusionSampler, extent, mulDims } from '../../src/engine/index.ts';
import type { CaseList, OpCase, Spec, Values } from '../support/case.ts';

const C = 16;
const S = 4; // timesteps of the schedule
const EPS = 1e-6;

type Options = { dtype?: Spec['dtype']; W?: number; scale?: number; branches?: 1 | 2 };

/** `steps` timesteps from row `step` on of a head with `blocks` blocks, R rows a branch. */
function samplerCase(R: number, blocks: number, step: number, steps: number, o: Options = {}): OpCase {
  const { dtype = 'f32', W = 64, branches = 2, scale = 1 } = o;
  const rows = extent('rows', R + 3);
  const at = extent('step', S - 1);
  const count = extent('steps', S);
  const D = (3 * blocks + 2) * W;
  const matrix = (N: number, K: number): Spec => ({ shape: [N, K], role: 'weight', dtype, scale: 1.7 / Math.sqrt(K) });
  const vector = (N: number, shift = 0): Spec => ({ shape: [N], role: 'weight', scale: 0.3, shift });
  const dense = (name: string, N: number, K: number) => ({ [`${name}.w`]: matrix(N, K), [`${name}.b`]: vector(N) });
  const own = Array.from({ length: blocks }, (_, j) => ({
    [`norm${j}.w`]: vector(W, 1),
    [`norm${j}.b`]: vector(W),
    ...dense(`up${j}`, W, W),
    ...dense(`down${j}`, W, W),
  }));
  const parts = [`${branches}×${R} rows`, `${blocks} blocks`, `W ${W}`, `${steps} steps from ${step}`, dtype];
  return {
    name: [...parts, scale !== 1 && `scale ${scale}`].filter(Boolean).join(', '),
    extents: { rows: R, step, steps },
    tensors: {
      x: { shape: [mulDims(branches, rows), C], role: 'state', fill: (i) => scale * Math.sin((i % (R * C)) + 1) },
      noise: { shape: [S, rows, C] },
      coefficients: {
        shape: [S, 8],
        fill: (i) => [1.4, 1.1, 0.6, 0.4, -2.5, -1.1, 3, 0.9][i % 8] + Math.floor(i / 8) * 0.1,
      },
      modulation: { shape: [mulDims(count, branches, rows), D], scale: 0.4 },
      ...dense('input', W, C),
      ...Object.assign({}, ...own),
      ...dense('output', 2 * C, W),
    },
    build(t) {
      const pair = (name: string): { weight: Tensor; bias: Tensor } => ({
        weight: t[`${name}.w`],
        bias: t[`${name}.b`],
      });
      const weights = {
        input: pair('input'),
        blocks: own.map((_, j) => ({ norm: pair(`norm${j}`), up: pair(`up${j}`), down: pair(`down${j}`) })),
        output: pair('output'),
      };
      const options = { eps: EPS, step: at, steps: count, branches, rows };
      return { y: diffusionSampler(t.x, t.noise, t.coefficients, t.modulation, weights, options) };
    },
    reference(v) {
      const state = v.x.slice(0, R * C);
      for (let s = 0; s < steps; s++) {
        const outputs = Array.from({ length: branches }, (_, b) =>
          Array.from({ length: R }, (_, r) => {
            const row = (s * branches + b) * R + r;
            return head(v, state.slice(r * C, (r + 1) * C), v.modulation.slice(row * D, (row + 1) * D), blocks, W);
          }),
        );
        const [ra, rm, c1, c2, low, high, guidance, temperature] = v.coefficients.slice((step + s) * 8);
        for (let i = 0; i < R * C; i++) {
          const [r, c] = [Math.floor(i / C), i % C];
          const without = branches === 2 ? outputs[1][r][c] : 0;
          const e = branches === 2 ? without + guidance * (outputs[0][r][c] - without) : outputs[0][r][c];
          const f = (outputs[0][r][C + c] + 1) / 2;
          const deviation = Math.exp((f * high + (1 - f) * low) / 2);
          const drawn = v.noise[(step + s) * R * C + i];
          state[i] = c1 * (ra * state[i] - rm * e) + c2 * state[i] + deviation * drawn * temperature;
        }
      }
      const y = new Float64Array(branches * R * C);
      for (let b = 0; b < branches; b++) y.set(state, b * R * C);
      return { y };
    },
    tolerance: 5e-6,
  };
}

function head(
  v: Readonly<Record<string, Values>>,
  tokens: Values,
  modulation: Values,
  blocks: number,
  W: number,
): Values {
  const dense = (name: string, x: Values) =>
    v[`${name}.b`].map((bias, n) => x.reduce((sum, value, k) => sum + value * v[`${name}.w`][n * x.length + k], bias));
  const part = (i: number) => modulation.subarray(i * W, (i + 1) * W);
  const normed = (h: Values, shift: Values, scale: Values, affine?: string) => {
    const mean = h.reduce((a, b) => a + b, 0) / W;
    const variance = h.reduce((a, b) => a + (b - mean) ** 2, 0) / W;
    return h.map((value, i) => {
      let n = (value - mean) / Math.sqrt(variance + EPS);
      if (affine) n = n * v[`${affine}.w`][i] + v[`${affine}.b`][i];
      return n * (1 + scale[i]) + shift[i];
    });
  };
  let h = dense('input', tokens);
  for (let j = 0; j < blocks; j++) {
    const [shift, scale, gate] = [0, 1, 2].map((i) => part(3 * j + i));
    const u = dense(`up${j}`, normed(h, shift, scale, `norm${j}`)).map((value) => value / (1 + Math.exp(-value)));
    const added = dense(`down${j}`, u);
    h = h.map((value, i) => value + gate[i] * added[i]);
  }
  return dense('output', normed(h, part(3 * blocks), part(3 * blocks + 1)));
}

export const list: CaseList = {
  op: 'diffusion_sampler',
  cases: [
    samplerCase(1, 1, 0, 1),
    samplerCase(2, 2, 1, 3, { dtype: 'bf16' }),
    samplerCase(3, 1, 0, 2, { dtype: 'f16' }),
    samplerCase(4, 3, 3, 1, { dtype: 'bf16' }),
    samplerCase(7, 2, 2, 2, { branches: 1 }),
    samplerCase(6, 1, 0, 2, { branches: 1, dtype: 'bf16' }),
    samplerCase(5, 2, 0, 4, { W: 128, dtype: 'bf16' }),
    samplerCase(2, 1, 0, 1, { W: 320 }),
    samplerCase(4, 1, 1, 2, { W: 96 }), // rows of the modulations that no image takes
    samplerCase(3, 2, 1, 1, { scale: 1e6 }),
  ],
};
