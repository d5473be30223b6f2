/** layerNorm(x, { weight, bias, shift, scale, eps }): normalised over the last axis, affine and modulated where given. */
import { layerNormShader, normRows } from '../../../shaders/layer_norm.ts';
import { GraphError } from '../errors.ts';
import { type Dim, ceilDiv, mul } from '../extent.ts';
import { type Op, type Operand, call, checkEps, checkShape } from '../op.ts';
import { splitRows } from '../split.ts';
import { type Tensor, isAligned, placement, rows, width } from '../tensor.ts';
import { checkFloats } from './check_floats.ts';

const layerNormOp: Op<{ eps: number }> = {
  name: 'layer_norm',
  flops: ({ output }) => mul(8, ...output.shape),
  split: (node, limits) => splitRows(node, ['x', 'shift', 'scale'], limits),
  lower({ inputs, attrs, output }, context) {
    const { x, weight, bias, shift, scale } = inputs;
    const vector = (tensor: Tensor): Operand => ({ weight: context.weight(tensor, { dtype: 'f32' }), part: 0 });
    const rowwise = shift && scale ? { x, shift, scale } : { x };
    const params: Record<string, Dim> = { rows: rows(x), width: width(x), eps: attrs.eps };
    for (const [name, tensor] of Object.entries(rowwise)) {
      const { offset, stride } = placement(tensor);
      Object.assign(params, { [`${name}_offset`]: offset, [`${name}_stride`]: stride });
    }
    return [
      {
        label: 'layer_norm',
        shader: layerNormShader({
          vector: Object.values(rowwise).every((t) => isAligned(t, 4)),
          affine: !!weight,
          modulated: !!shift,
        }),
        bind: {
          ...Object.fromEntries(Object.entries(rowwise).map(([name, tensor]) => [name, { tensor }])),
          ...(weight && bias && { weight: vector(weight), bias: vector(bias) }),
          y: { tensor: output },
        },
        params,
        groups: ceilDiv(rows(x), normRows),
      },
    ];
  },
};

export interface LayerNormOptions {
  readonly eps: number;
  /** (W); both or neither. */
  readonly weight?: Tensor;
  readonly bias?: Tensor;
  /** Of x's shape; both or neither: the result times (1 + scale) plus shift. */
  readonly shift?: Tensor;
  readonly scale?: Tensor;
}

/** (x − mean)/sqrt(var + eps) over the last axis, biased variance. x (…, W) → (…, W). */
export function layerNorm(x: Tensor, { eps, weight, bias, shift, scale }: LayerNormOptions): Tensor {
  checkFloats('layer_norm', { x, weight, bias, shift, scale });
  if (!weight !== !bias) throw new GraphError('[layer_norm] weight and bias must be given together');
  if (!shift !== !scale) throw new GraphError('[layer_norm] shift and scale must be given together');
  if (weight) checkShape('layer_norm', `weight ${weight.name}`, weight, [width(x)]);
  if (bias) checkShape('layer_norm', `bias ${bias.name}`, bias, [width(x)]);
  if (shift) checkShape('layer_norm', 'shift', shift, x.shape);
  if (scale) checkShape('layer_norm', 'scale', scale, x.shape);
  checkEps('layer_norm', eps);
  return call(layerNormOp, { x, weight, bias, shift, scale }, { eps }, { shape: x.shape });
}
