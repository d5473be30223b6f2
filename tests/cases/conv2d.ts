import { type Padding, add, conv2d, groupNorm, silu, upsample } from '../../src/engine/index.ts';
import type { CaseList, OpCase, Spec, Values } from '../support/case.ts';
import { normalised } from './group_norm.ts';

interface Options {
  readonly k?: 1 | 3;
  readonly stride?: 1 | 2;
  readonly pad?: Padding;
  readonly dtype?: Spec['dtype'];
  readonly bias?: boolean;
  readonly residual?: boolean;
  readonly upsampled?: boolean;
  /** x goes through GroupNorm of two groups first, or that and SiLU. */
  readonly norm?: 'plain' | 'silu';
  readonly scale?: number;
  /** As on a GPU, by these variants beside the default. */
  readonly gpu?: readonly string[];
  readonly timed?: boolean;
}

interface Sizes {
  readonly H: number;
  readonly W: number;
  readonly Cin: number;
  readonly Cout: number;
}

function convCase(H: number, W: number, Cin: number, Cout: number, o: Options = {}): OpCase {
  const { k = 3, stride = 1, pad = k === 3 ? 'same' : 'none', dtype = 'f32', bias = true, scale } = o;
  const seen = o.upsampled ? 2 : 1;
  const zeros = { same: 2, corner: 1, none: 0 }[pad];
  const out = (n: number) => Math.floor((seen * n + zeros - k) / stride) + 1;
  const parts = [
    `${k}×${k} ${Cin}→${Cout} @${H}×${W}`,
    dtype,
    stride === 2 && `stride 2`,
    pad,
    !bias && 'no bias',
    o.residual && 'residual',
    o.upsampled && 'upsampled',
    o.norm && `norm ${o.norm}`,
    scale && `scale ${scale}`,
    o.gpu && 'as on a GPU',
  ];
  return {
    name: parts.filter(Boolean).join(' '),
    timed: o.timed,
    gpu: !!o.gpu,
    variants: o.gpu,
    tensors: {
      x: { shape: [H, W, Cin], scale },
      weight: { shape: [Cout, Cin, k, k], role: 'weight', dtype },
      ...(bias && { bias: { shape: [Cout], role: 'weight' as const } }),
      ...(o.norm && {
        norm_weight: { shape: [Cin], role: 'weight' as const },
        norm_bias: { shape: [Cin], role: 'weight' as const },
      }),
      ...(o.residual && { residual: { shape: [out(H), out(W), Cout] } }),
    },
    build(t) {
      let x = o.upsampled ? upsample(t.x) : t.x;
      if (o.norm) x = groupNorm(x, t.norm_weight, t.norm_bias, { groups: 2, eps: 1e-6 });
      const y = conv2d(o.norm === 'silu' ? silu(x) : x, t.weight, t.bias, { stride, pad });
      return { y: o.residual ? add(t.residual, y) : y };
    },
    reference: (v) => ({
      y: reference(o.norm ? { ...v, x: normed(v, Cin, o.norm) } : v, { H, W, Cin, Cout }, k, stride, pad, seen),
    }),
  };
}

function normed(v: Readonly<Record<string, Values>>, channels: number, norm: 'plain' | 'silu'): Values {
  return normalised(v.x, v.norm_weight, v.norm_bias, { channels, groups: 2, activated: norm === 'silu' });
}

function reference(
  v: Readonly<Record<string, Values>>,
  { H, W, Cin, Cout }: Sizes,
  k: number,
  stride: number,
  pad: Padding,
  seen: number,
): Values {
  const before = pad === 'same' ? 1 : 0;
  const zeros = { same: 2, corner: 1, none: 0 }[pad];
  const [Ho, Wo] = [H, W].map((n) => Math.floor((seen * n + zeros - k) / stride) + 1);
  const y = new Float64Array(Ho * Wo * Cout);
  for (let r = 0; r < Ho; r++)
    for (let c = 0; c < Wo; c++)
      for (let n = 0; n < Cout; n++) {
        let sum = v.bias ? v.bias[n] : 0;
        for (let a = 0; a < k; a++)
          for (let b = 0; b < k; b++) {
            const [i, j] = [r * stride + a - before, c * stride + b - before];
            if (i < 0 || j < 0 || i >= seen * H || j >= seen * W) continue;
            const at = (Math.floor(i / seen) * W + Math.floor(j / seen)) * Cin;
            for (let m = 0; m < Cin; m++) sum += v.x[at + m] * v.weight[((n * Cin + m) * k + a) * k + b];
          }
        const at = (r * Wo + c) * Cout + n;
        y[at] = sum + (v.residual ? v.residual[at] : 0);
      }
  return y;
}

/** The upsampled picture is wanted too, so it is made and the convolution reads it. */
function apart(H: number, W: number, C: number): OpCase {
  const fused = convCase(H, W, C, C, { upsampled: true });
  return {
    ...fused,
    name: `${fused.name}, which is an output too`,
    build(t) {
      const wide = upsample(t.x);
      return { wide, y: conv2d(wide, t.weight, t.bias) };
    },
    reference(v) {
      const wide = new Float64Array(4 * H * W * C);
      for (let r = 0; r < 2 * H; r++)
        for (let c = 0; c < 2 * W; c++) {
          const from = (Math.floor(r / 2) * W + Math.floor(c / 2)) * C;
          wide.set(v.x.subarray(from, from + C), (r * 2 * W + c) * C);
        }
      return { wide, ...fused.reference(v) };
    },
  };
}

export const list: CaseList = {
  op: 'conv2d',
  cases: [
    convCase(1, 1, 3, 4),
    convCase(2, 7, 5, 3),
    convCase(7, 2, 4, 5, { bias: false }),
    convCase(16, 16, 16, 32),
    convCase(33, 33, 3, 32),
    convCase(33, 7, 32, 3),
    convCase(16, 33, 33, 33, { residual: true }),
    convCase(7, 16, 64, 65, { residual: true }),
    convCase(33, 16, 32, 32, { pad: 'corner', stride: 2 }),
    convCase(16, 7, 5, 16, { pad: 'corner', stride: 2 }),
    convCase(17, 35, 128, 36, { pad: 'corner', stride: 2 }),
    convCase(10, 9, 160, 8, { pad: 'same', stride: 2, dtype: 'bf16', residual: true }),
    convCase(2, 2, 4, 4, { pad: 'corner', stride: 2, residual: true }),
    convCase(3, 7, 4, 4, { pad: 'none' }),
    convCase(9, 8, 8, 4, { stride: 2, pad: 'same' }),
    convCase(16, 16, 32, 64, { k: 1, residual: true }),
    convCase(7, 1, 33, 5, { k: 1 }),
    convCase(7, 9, 16, 16, { upsampled: true }),
    convCase(1, 2, 5, 33, { upsampled: true, residual: true }),
    convCase(3, 5, 4, 4, { upsampled: true, pad: 'corner', stride: 2 }),
    apart(7, 3, 8),
    apart(2, 5, 5),
    convCase(7, 16, 32, 33, { dtype: 'bf16', residual: true }),
    convCase(7, 7, 3, 5, { dtype: 'bf16' }),
    convCase(7, 16, 16, 33, { dtype: 'f16' }),
    convCase(2, 7, 33, 5, { dtype: 'f16', bias: false }),
    convCase(7, 7, 32, 16, { scale: 1e6 }),
    convCase(4, 8, 32, 32), // one tile of conv2d_subgroup, then one more of each
    convCase(5, 9, 32, 36, { residual: true }),
    convCase(3, 15, 64, 28, { dtype: 'bf16', residual: true }),
    convCase(9, 17, 32, 68, { dtype: 'f16', pad: 'none' }),
    convCase(13, 23, 96, 40, { k: 1, dtype: 'bf16', bias: false }),
    convCase(33, 67, 32, 4, { scale: 1e6 }), // more than four lines of a flat image
    convCase(5, 11, 64, 32, { upsampled: true, residual: true }),
    convCase(9, 16, 64, 3, { dtype: 'bf16' }), // conv2d_rows along the positions, a whole run and its edge
    convCase(70, 17, 64, 4, { residual: true, bias: false }),
    convCase(5, 7, 68, 1, { upsampled: true }),
    convCase(5, 64, 128, 128, { residual: true }), // conv2d_winograd: odd heights and breadths, a part of a block, bands where bindings are small
    convCase(4, 65, 128, 132, { dtype: 'bf16', bias: false }),
    convCase(3, 32, 128, 128, { upsampled: true, residual: true }),
    convCase(6, 66, 128, 128, { pad: 'none', scale: 1e6 }),
    convCase(21, 64, 160, 128, { dtype: 'f16' }),
    convCase(7, 9, 32, 36, { norm: 'silu', residual: true }), // GroupNorm in the prologue of each family of kernels
    convCase(10, 17, 128, 8, { norm: 'silu', pad: 'corner', stride: 2, dtype: 'bf16' }),
    convCase(9, 19, 64, 3, { norm: 'silu' }),
    convCase(5, 33, 128, 132, { norm: 'plain', residual: true }),
    convCase(5, 7, 6, 4, { norm: 'silu' }),
    convCase(11, 6, 32, 64, { norm: 'plain', k: 1, scale: 1e6 }),
    // what GPUs get: tiles of 64 and 32, Cin in parts, GroupNorm in the prologue of them
    convCase(7, 9, 20, 65, { residual: true, upsampled: true, gpu: ['tile_32'] }),
    convCase(9, 15, 36, 32, { norm: 'silu', gpu: ['apart'] }),
    convCase(6, 11, 132, 36, { dtype: 'bf16', residual: true, gpu: ['tile_32_parts_4'] }),
    convCase(3, 17, 140, 68, { dtype: 'f16', bias: false, gpu: ['tile_64_parts_8'] }),
    convCase(9, 12, 64, 40, { stride: 2, pad: 'corner', scale: 1e6, gpu: [] }),
    convCase(5, 9, 16, 3, { k: 1, gpu: ['tile_32'] }),
    convCase(1450, 1450, 4, 1, { k: 1 }), // more workgroups than one dimension takes
    // the VAE of the embedded model, then of the published ones at 256 and 512 pixels, up to the whole picture
    convCase(128, 128, 32, 32, { residual: true, timed: true }),
    convCase(64, 64, 64, 64, { upsampled: true, timed: true }),
    convCase(128, 128, 32, 3, { timed: true }),
    convCase(32, 32, 64, 64, { timed: true }),
    convCase(16, 16, 512, 512, { timed: true }),
    convCase(64, 64, 128, 128, { timed: true }),
    convCase(64, 64, 128, 128, { dtype: 'bf16', timed: true }),
    convCase(32, 32, 512, 512, { residual: true, timed: true }),
    convCase(64, 64, 256, 256, { residual: true, timed: true }),
    convCase(64, 64, 512, 256, { k: 1, timed: true }),
    convCase(64, 64, 256, 256, { upsampled: true, timed: true }),
    convCase(128, 128, 256, 128, { timed: true }),
    convCase(256, 256, 128, 128, { residual: true, timed: true }),
    convCase(256, 256, 128, 128, { pad: 'corner', stride: 2, timed: true }),
    convCase(256, 256, 128, 3, { timed: true }),
    convCase(128, 128, 32, 32, { norm: 'silu', residual: true, timed: true }),
    convCase(32, 32, 512, 512, { norm: 'silu', residual: true, timed: true }),
    convCase(256, 256, 128, 128, { norm: 'silu', residual: true, timed: true }),
    convCase(256, 256, 128, 3, { norm: 'silu', timed: true }),
    convCase(512, 512, 3, 128, { timed: true }),
    convCase(512, 512, 128, 128, { timed: true }),
  ],
};
