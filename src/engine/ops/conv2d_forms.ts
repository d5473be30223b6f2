/** Which kernel computes a convolution: by the device, then by its sizes, then by what was measured. */
import { conv2dRowsColumns } from '../../../shaders/conv2d_rows.ts';
import { conv2dSubgroupDepth } from '../../../shaders/conv2d_subgroup.ts';
import { subgroupLanes } from '../../../shaders/linear_subgroup.ts';
import { fitsFlatImage } from '../images.ts';
import type { Dispatch, Lowering } from '../op.ts';
import { width } from '../tensor.ts';
import { isSoftware } from './adapter_class.ts';
import { type Conv2dNode, fitsWinograd } from './conv2d_attrs.ts';
import { lowerRows, lowerTile } from './conv2d_plain.ts';
import { lowerSubgroup } from './conv2d_subgroup.ts';
import { type Conv2dTileName, lowerTiles } from './conv2d_tile.ts';
import { lowerWinograd } from './conv2d_winograd.ts';

export type Conv2dForm = 'winograd' | 'subgroup' | 'rows' | 'tile' | Conv2dTileName;

/** Dispatches of a convolution whose x is normalised already, or in the prologue of its kernel. */
export function lowerConvolution(node: Conv2dNode, context: Lowering): Dispatch[] {
  const form = formOf(node, context);
  if (form === 'winograd') return lowerWinograd(node, context);
  if (form === 'subgroup') return [lowerSubgroup(node, context)];
  if (form === 'rows') return [lowerRows(node, context)];
  return form === 'tile' ? [lowerTile(node, context)] : lowerTiles(node, context, form);
}

export function formOf(node: Conv2dNode, context: Lowering): Conv2dForm {
  if (!bySubgroups(node, context)) return plainForm(node, context);
  return byWinograd(node, context) ? 'winograd' : 'subgroup';
}

/**
 * Whether subgroups have the size that `conv2d_subgroup` is written for, sizes are what it takes and x can be copied into an image. Narrow models have
 * so little work at a stride of 2 that another kernel takes longer to compile than it saves.
 */
function bySubgroups({ inputs: { x }, attrs, output }: Conv2dNode, context: Lowering): boolean {
  const worth = attrs.stride === 1 || width(x) >= 128;
  const fits = width(x) % conv2dSubgroupDepth === 0 && width(output) % 4 === 0 && worth;
  return context.limits.subgroupSize === subgroupLanes && fits && fitsFlatImage(x, context.limits);
}

/** Least Cin, and widest picture, whose channels may be split among workgroups. */
const PARTS = { channels: 128, breadth: 32 };

/**
 * Which of the kernels without shuffles: `conv2d_tile` on GPUs, with Cin in parts where the picture is small by choice; else `conv2d_rows` where subgroups have four lanes, and for few channels on others, unless the model is so narrow
 * that another kernel takes longer to compile than it saves.
 */
function plainForm({ inputs, attrs, output }: Conv2dNode, context: Lowering): 'rows' | 'tile' | Conv2dTileName {
  const [from, to] = [width(inputs.x), width(output)];
  if (from % 4 !== 0) return 'tile';
  const rowsFirst = context.limits.subgroupSize === 4 || (to <= conv2dRowsColumns && from >= 64);
  const { kernel, stride } = attrs;
  // stretches of a large picture are answered alike
  const facts = { kernel, stride, from, to, breadth: output.shape[1], upsampled: attrs.upsampled };
  if (!isSoftware(context.limits)) {
    const small = from >= PARTS.channels && (output.shape[1] as number) <= PARTS.breadth;
    const split = small ? (['tile_64_parts_4', 'tile_32_parts_4', 'tile_64_parts_8'] as const) : [];
    if (to <= conv2dRowsColumns) return context.pick(facts, ['rows', 'tile_32']);
    return small || to <= 32
      ? context.pick(facts, ['tile_32', 'tile_64', ...split])
      : context.pick(facts, ['tile_64', 'tile_32']);
  }
  return context.pick(facts, rowsFirst ? ['rows', 'tile'] : ['tile', 'rows']);
}

/** Least breadth² · Cin · Cout that pays for compiling three more kernels and for larger weights: a picture of 16² positions and 512 channels. */
const WINOGRAD_WORK = 2 ** 26;

function byWinograd(node: Conv2dNode, context: Lowering): boolean {
  const {
    inputs: { x },
    attrs,
    output,
  } = node;
  if (context.frugal || !fitsWinograd(node)) return false;
  const { kernel, stride, upsampled } = attrs;
  const [channels, columns, breadth] = [width(x), width(output), output.shape[1] as number];
  const worth = breadth ** 2 * channels * columns >= WINOGRAD_WORK;
  // stretches of a large picture are answered alike
  const facts = { kernel, stride, channels, columns, breadth, upsampled };
  return context.pick(facts, worth ? ['winograd', 'direct'] : ['direct', 'winograd']) === 'winograd';
}
