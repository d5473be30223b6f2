/** upsample(x): nearest ×2 of a picture, (H, W, C) → (2H, 2W, C). A convolution that follows reads x directly instead. */
import { upsampleLanes, upsampleShader } from '../../../shaders/upsample.ts';
import { ceilDiv } from '../extent.ts';
import { type Op, call, checkContiguous } from '../op.ts';
import type { Tensor } from '../tensor.ts';
import { checkFloats } from './check_floats.ts';
import { pictureShape } from './conv2d.ts';

const upsampleOp: Op<Record<string, never>> = {
  name: 'upsample',
  flops: () => 0,
  lower({ inputs: { x }, output }) {
    const [height, width, channels] = pictureShape('upsample', 'y', output);
    const vector = channels % 4 === 0;
    return [
      {
        label: 'upsample',
        shader: upsampleShader({ vector }),
        bind: { x: { tensor: x }, y: { tensor: output } },
        params: { height, width, channels },
        groups: ceilDiv((height * width * channels) / (vector ? 4 : 1), upsampleLanes),
      },
    ];
  },
};

/** Every pixel twice in both directions: x (H, W, C) → (2H, 2W, C). */
export function upsample(x: Tensor): Tensor {
  checkFloats('upsample', { x });
  const [height, width, channels] = pictureShape('upsample', x.name, x);
  checkContiguous('upsample', x.name, x);
  return call(upsampleOp, { x }, {}, { shape: [2 * height, 2 * width, channels] });
}
