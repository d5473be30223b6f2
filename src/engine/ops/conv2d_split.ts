/** How a convolution of a picture larger than a binding splits: along the rows of the picture, each stretch with its halo. */
import { type Dim, mul } from '../extent.ts';
import type { Limits } from '../op.ts';
import { greatestCommonDivisor, oversize, stretches } from '../split.ts';
import { type Tensor, width, windowed } from '../tensor.ts';
import { type Conv2dNode, fitsWinograd } from './conv2d_attrs.ts';
import { pictureShape } from './picture.ts';

/** Stretches of the output's rows, each with the rows of x that its filters see. */
export function splitPicture(node: Conv2dNode, limits: Limits): Conv2dNode[] {
  const { inputs, attrs, output } = node;
  const { x, residual } = inputs;
  if (![x, residual, output].some((t) => oversize(t, limits))) return [node];
  const [tall, breadth, columns] = pictureShape('conv2d', 'y', output);
  const [height, xBreadth, channels] = pictureShape('conv2d', 'x', x);
  const seen = attrs.upsampled ? 2 : 1;
  const rowsOfX = rowGrain(xBreadth * channels);
  // a row of y goes on by stride/seen rows of x; halo and alignment add a few
  const most = Math.floor(
    ((limits.maxStorageBufferBindingSize / 4 / (xBreadth * channels) - 2 - rowsOfX) * seen) / attrs.stride,
  );
  const by = fitsWinograd(node) ? 2 : 1; // rows that are computed together
  const cut = stretches(Math.ceil(tall / by), [[output, by * breadth * columns]], limits, Math.floor(most / by));
  if (!cut) return [node];
  return cut.map((stretch) => {
    const start = by * stretch.start;
    const count = Math.min(by * (stretch.count as number), tall - start);
    const first = attrs.top + start * attrs.stride; // as the filter sees x
    const last = first + (count - 1) * attrs.stride + attrs.kernel - 1;
    const from = Math.max(0, Math.floor(first / seen));
    const begin = from - (from % rowsOfX);
    const end = Math.min(height, Math.floor(last / seen) + 1);
    const rowsAt = (t: Tensor, row: number, n: Dim) => windowed(t, mul(row, t.shape[1]), [n, t.shape[1], width(t)]);
    return {
      ...node,
      inputs: {
        ...inputs,
        x: rowsAt(x, begin, end - begin),
        ...(residual && { residual: rowsAt(residual, start, count) }),
      },
      attrs: { ...attrs, top: first - begin * seen },
      output: rowsAt(output, start, count),
    };
  });
}

/** Least number of rows of `elements` that are a multiple of what windows begin at. */
function rowGrain(elements: number): number {
  return 64 / greatestCommonDivisor(64, elements);
}
