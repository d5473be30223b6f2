/** upsample(x): nearest ×2 of a picture, (H, W, C) → (2H, 2W, C). A convolution that follows reads x directly instead. */
import { upsampleLanes, upsampleShader } from '../../../shaders/upsample.ts';
import { ceilDiv, mul } from '../extent.ts';
import { type Op, call, checkContiguous } from '../op.ts';
import { oversize, stretches } from '../split.ts';
import { type Tensor, windowed } from '../tensor.ts';
import { checkFloats } from './check_floats.ts';
import { pictureShape } from './picture.ts';

const upsampleOp: Op<Record<string, never>> = {
  name: 'upsample',
  flops: () => 0,
  split(node, limits) {
    const { x } = node.inputs;
    if (!oversize(node.output, limits)) return [node];
    const [height, breadth, channels] = pictureShape('upsample', 'x', x);
    const cut = stretches(
      height,
      [
        [node.output, 4 * breadth * channels],
        [x, breadth * channels],
      ],
      limits,
    );
    if (!cut) return [node];
    return cut.map(({ start, count }) => ({
      ...node,
      inputs: { x: windowed(x, start * breadth, [count, breadth, channels]) },
      output: windowed(node.output, 4 * start * breadth, [mul(2, count), 2 * breadth, channels]),
    }));
  },
  lower({ inputs: { x }, output }) {
    const [height, width, channels] = pictureShape('upsample', 'x', x);
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
