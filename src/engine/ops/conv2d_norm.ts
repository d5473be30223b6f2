/**
 * The lowering of a convolution that has taken over the GroupNorm before it: its statistics, then either the normalised picture by itself, or none
 * at all where the convolution normalises x while it reads it, which saves a picture of the full size.
 */
import { conv2dRowsColumns } from '../../../shaders/conv2d_rows.ts';
import type { Dispatch, Lowering } from '../op.ts';
import { width } from '../tensor.ts';
import type { Conv2dNode } from './conv2d_attrs.ts';
import { type Conv2dForm, formOf, lowerConvolution } from './conv2d_forms.ts';
import { splitPicture } from './conv2d_split.ts';
import { groupNormApply, groupNormStatistics } from './group_norm.ts';

export function lowerNormed(node: Conv2dNode, context: Lowering): Dispatch[] {
  const { norm_weight: weight, norm_bias: bias, ...inputs } = node.inputs;
  const norm = node.attrs.norm!;
  const statistics = groupNormStatistics({ x: inputs.x, weight, bias }, norm, context);
  const parts = (convolution: Conv2dNode) =>
    splitPicture(convolution, context.limits).flatMap((part) => lowerConvolution(part, context));
  if (inPrologue(node, context))
    return [...statistics.dispatches, ...parts({ ...node, inputs: { ...inputs, norm: statistics.norm } })];
  const x = context.scratch('group_norm', inputs.x.shape);
  const apply = groupNormApply(inputs.x, statistics.norm, x, norm, context);
  const attrs = { ...node.attrs, norm: undefined };
  return [...statistics.dispatches, ...apply, ...parts({ ...node, inputs: { ...inputs, x }, attrs })];
}

/** Whether the kernel of the convolution, or of its first part, normalises what it reads. */
function inPrologue(node: Conv2dNode, context: Lowering): boolean {
  const [{ inputs, attrs, output }] = splitPicture(node, context.limits);
  const form = formOf({ ...node, inputs, attrs, output }, context);
  const [channels, columns] = [width(inputs.x), width(output)];
  if (!canPrologue(form, columns)) return false;
  const { kernel, stride } = attrs;
  // stretches of a large picture are answered alike
  const facts = { form, kernel, stride, channels, columns, breadth: output.shape[1] };
  return context.pick(facts, wins(form) ? ['prologue', 'apart'] : ['apart', 'prologue']) === 'prologue';
}

/** Whether there is such a kernel, and it doesn't normalise every pixel anew for each few channels of the result. */
function canPrologue(form: Conv2dForm, columns: number): boolean {
  return form === 'rows' ? columns <= conv2dRowsColumns : form !== 'tile';
}

/** On software adapters where it was measured; GPUs move a picture of the full size less for a few exponentials a tile. */
function wins(form: Conv2dForm): boolean {
  return form === 'winograd' || form.startsWith('tile_');
}
