/**
 * The KL-16 VAE: pixels to latents and back, two stacks of residual blocks with attention at the coarsest level. Pictures are (H, W, C).
 * Weights are named as in the checkpoint; the decoder's levels run from the coarsest down, whatever their numbers.
 */
import {
  type Padding,
  type Tensor,
  type Weights,
  add,
  attention,
  conv2d,
  groupNorm,
  mulDims,
  named,
  reshape,
  silu,
  upsample,
  width,
} from '../engine/index.ts';
import type { VaeConfig } from './config.ts';

/** GroupNorm with the weights at `w`. */
function norm(x: Tensor, w: Weights, { groups, groupNormEps: eps }: VaeConfig): Tensor {
  const size = [width(x)];
  return groupNorm(x, w.get('weight', size), w.get('bias', size), { groups, eps });
}

/** k×k convolution with the weights at `w`. */
function conv(x: Tensor, w: Weights, outputs: number, k: 1 | 3, stride: 1 | 2 = 1, pad?: Padding): Tensor {
  return conv2d(x, w.get('weight', [outputs, width(x), k, k]), w.get('bias', [outputs]), { stride, pad });
}

/** Two convolutions, each after norm and swish, on top of x; a 1×1 convolution widens x where it must. */
function resBlock(x: Tensor, w: Weights, outputs: number, config: VaeConfig): Tensor {
  let h = conv(silu(norm(x, w.at('norm1'), config)), w.at('conv1'), outputs, 3);
  h = conv(silu(norm(h, w.at('norm2'), config)), w.at('conv2'), outputs, 3);
  const shortcut = width(x) === outputs ? x : conv(x, w.at('nin_shortcut'), outputs, 1);
  return named(add(shortcut, h), w.path);
}

/** One head over all positions, on top of x. */
function attentionBlock(x: Tensor, w: Weights, config: VaeConfig): Tensor {
  const [height, breadth, C] = [x.shape[0], x.shape[1], width(x)];
  const n = norm(x, w.at('norm'), config);
  const tokens = (name: string) => reshape(conv(n, w.at(name), C, 1), [1, mulDims(height, breadth), C]);
  const a = attention(tokens('q'), tokens('k'), tokens('v'), { heads: 1, kvHeads: 1 });
  return named(add(x, conv(reshape(a, x.shape), w.at('proj_out'), C, 1)), w.path);
}

function middle(x: Tensor, w: Weights, config: VaeConfig): Tensor {
  x = resBlock(x, w.at('block_1'), width(x), config);
  x = attentionBlock(x, w.at('attn_1'), config);
  return resBlock(x, w.at('block_2'), width(x), config);
}

/** Pixels (H, W, 3) in −1 … 1 → moments (H/16, W/16, 2·latentChannels): mean, then log-variance. w is `vae`. */
export function vaeEncoder(pixels: Tensor, w: Weights, config: VaeConfig): Tensor {
  const { baseChannels, channelMultipliers, resBlocks, latentChannels } = config;
  const encoder = w.at('encoder');
  const coarsest = channelMultipliers.length - 1;
  let x = conv(pixels, encoder.at('conv_in'), baseChannels, 3);
  for (const [level, multiplier] of channelMultipliers.entries()) {
    const down = encoder.at('down', level);
    for (let i = 0; i < resBlocks; i++) {
      x = resBlock(x, down.at('block', i), baseChannels * multiplier, config);
      if (level === coarsest) x = attentionBlock(x, down.at('attn', i), config);
    }
    if (level < coarsest) x = conv(x, down.at('downsample.conv'), width(x), 3, 2, 'corner');
  }
  x = middle(x, encoder.at('mid'), config);
  x = conv(silu(norm(x, encoder.at('norm_out'), config)), encoder.at('conv_out'), 2 * latentChannels, 3);
  return conv(x, w.at('quant_conv'), 2 * latentChannels, 1);
}

/** Latents (m, n, latentChannels), no longer scaled → picture (16m, 16n, 3), not clamped. w is `vae`. */
export function vaeDecoder(latents: Tensor, w: Weights, config: VaeConfig): Tensor {
  const { baseChannels, channelMultipliers, resBlocks, latentChannels } = config;
  const decoder = w.at('decoder');
  const coarsest = channelMultipliers.length - 1;
  let x = conv(latents, w.at('post_quant_conv'), latentChannels, 1);
  x = conv(x, decoder.at('conv_in'), baseChannels * channelMultipliers[coarsest], 3);
  x = middle(x, decoder.at('mid'), config);
  for (let level = coarsest; level >= 0; level--) {
    const up = decoder.at('up', level);
    for (let i = 0; i <= resBlocks; i++)
      x = resBlock(x, up.at('block', i), baseChannels * channelMultipliers[level], config);
    if (level > 0) x = conv(upsample(x), up.at('upsample.conv'), width(x), 3);
  }
  return conv(silu(norm(x, decoder.at('norm_out'), config)), decoder.at('conv_out'), 3, 3);
}
