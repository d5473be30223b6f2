/** The lowering of a convolution to Winograd's transforms, band by band. */
import {
  winogradInputShader,
  winogradLanes,
  winogradOutputShader,
  winogradPlanes,
  winogradProductShader,
  winogradRun,
} from '../../../shaders/conv2d_winograd.ts';
import { subgroupColumns } from '../../../shaders/linear_subgroup.ts';
import type { Dispatch, Lowering, Operand } from '../op.ts';
import { type Conv2dNode, leadingZeros } from './conv2d_attrs.ts';

/** Most values of a band of tiles in elements, unless one row of tiles has more. */
const WINOGRAD_BAND = 2 ** 23;

/** Dispatches of a 3×3 convolution with a stride of 1. */
export function lowerWinograd({ inputs, attrs, output }: Conv2dNode, context: Lowering): Dispatch[] {
  const { x, residual, norm } = inputs;
  const { top } = attrs;
  const [left, seen] = [leadingZeros(attrs.padding), attrs.upsampled ? 2 : 1];
  const weight = context.weight(inputs.weight, { layout: 'winograd_columns', dtype: 'f32' });
  const bias = inputs.bias && context.weight(inputs.bias, { dtype: 'f32' });
  const [xHeight, xWidth, channels] = x.shape as readonly number[];
  const [height, wide, columns] = output.shape as readonly number[];
  const own: Operand = { weight, part: 0 };
  const [down, breadth] = [Math.ceil(height / 2), Math.ceil(wide / 2)];
  const most = Math.min(WINOGRAD_BAND, Math.floor(context.limits.maxStorageBufferBindingSize / 4));
  const band = Math.max(1, Math.floor(most / (winogradPlanes * breadth * Math.max(channels, columns))));
  return Array.from({ length: Math.ceil(down / band) }, (_, i) => i * band).flatMap((first): Dispatch[] => {
    const tiles = Math.min(band, down - first) * breadth;
    // of its own for each band: they share memory, but an image must not be taken for that of the band before
    const scratch = (name: string, each: number) =>
      context.scratch(`conv2d_winograd.${name}`, [winogradPlanes * tiles, each]);
    const [values, products] = [scratch('values', channels), scratch('products', columns)];
    return [
      {
        label: 'conv2d_winograd.input',
        shader: winogradInputShader({ prologue: attrs.norm?.activation }),
        bind: { x: { tensor: x }, values: { tensor: values }, ...(norm && { norm: { tensor: norm } }) },
        params: {
          tiles,
          breadth,
          channels,
          top: top + 2 * first,
          left,
          x_height: seen * xHeight,
          x_width: seen * xWidth,
          shift: seen - 1,
        },
        groups: Math.ceil((tiles * channels) / 4 / winogradLanes),
      },
      {
        label: 'conv2d_winograd.product',
        shader: winogradProductShader({}),
        bind: { weight: own, values: { image: values, flat: true }, products: { tensor: products } },
        params: { tiles, columns, channels },
        groups: Math.ceil(tiles / winogradRun) * winogradPlanes * Math.ceil(columns / subgroupColumns),
      },
      {
        label: 'conv2d_winograd.output',
        shader: winogradOutputShader({}),
        bind: {
          products: { tensor: products },
          bias: bias ? { weight: bias, part: 0 } : own,
          residual: residual ? { tensor: residual } : own,
          y: { tensor: output },
        },
        params: {
          tiles,
          breadth,
          first: 2 * first,
          height,
          width: wide,
          columns,
          has_bias: bias ? 1 : 0,
          has_residual: residual ? 1 : 0,
        },
        groups: Math.ceil((tiles * columns) / 4 / winogradLanes),
      },
    ];
  });
}
