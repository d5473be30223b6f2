/** rmsNorm(x, weight, { eps }): x / sqrt(mean(x²) + eps) · weight, over the last axis. */
import { normRows } from '../../../shaders/layer_norm.ts';
import { rmsNormShader } from '../../../shaders/rms_norm.ts';
import { ceilDiv, mul } from '../extent.ts';
import { type Op, call, checkEps, checkShape } from '../op.ts';
import { splitRows } from '../split.ts';
import { type Tensor, isAligned, placement, rows, width } from '../tensor.ts';
import { checkFloats } from './check_floats.ts';

const rmsNormOp: Op<{ eps: number }> = {
  name: 'rms_norm',
  flops: ({ output }) => mul(4, ...output.shape),
  split: (node, limits) => splitRows(node, ['x'], limits),
  lower({ inputs: { x, weight }, attrs, output }, context) {
    const { offset, stride } = placement(x);
    return [
      {
        label: 'rms_norm',
        shader: rmsNormShader({ vector: isAligned(x, 4) }),
        bind: {
          x: { tensor: x },
          weight: { weight: context.weight(weight, { dtype: 'f32' }), part: 0 },
          y: { tensor: output },
        },
        params: { rows: rows(x), width: width(x), eps: attrs.eps, x_offset: offset, x_stride: stride },
        groups: ceilDiv(rows(x), normRows),
      },
    ];
  },
};

/** x (…, W), weight (W) → (…, W). */
export function rmsNorm(x: Tensor, weight: Tensor, { eps }: { eps: number }): Tensor {
  checkFloats('rms_norm', { x, weight });
  checkShape('rms_norm', `weight ${weight.name}`, weight, [width(x)]);
  checkEps('rms_norm', eps);
  return call(rmsNormOp, { x, weight }, { eps }, { shape: x.shape });
}
