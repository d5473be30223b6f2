/** gather(index, ...sources): rows of the sources, counted through all of them one after the other. An embedding is a gather from its table. */
import { type MatrixStorage, rowWords } from '../../../shaders/common.ts';
import { gatherLanes, gatherShader } from '../../../shaders/gather.ts';
import { GraphError } from '../errors.ts';
import { type Dim, add, ceilDiv, maximum, mul } from '../extent.ts';
import { type Dispatch, type Op, type Operand, call, checkDtype } from '../op.ts';
import { oversize, rowParts, splitItems } from '../split.ts';
import { type Tensor, count, flattened, isAligned, placement, reshape, rows, vectorOffset, width } from '../tensor.ts';
import { checkFloats } from './check_floats.ts';
import { columnLanes } from './column_blocks.ts';

const gatherOp: Op<Record<string, never>> = {
  name: 'gather',
  flops: () => 0,
  bytes: ({ output }) => mul(8, ...output.shape),
  split(node, limits) {
    if (!oversize(node.output, limits) && !oversize(node.inputs.index, limits)) return [node];
    const index = flattened(node.inputs.index);
    const output = reshape(node.output, [count(index), width(node.output)]);
    return splitItems({ ...node, inputs: { ...node.inputs, index }, output }, ['index'], count(index), limits);
  },
  lower({ inputs: { index, ...sources }, output }, context) {
    let first: Dim = 0;
    const dispatches: Dispatch[] = [];
    const columns = width(output);
    const dispatch = (
      source: Operand,
      dtype: MatrixStorage,
      form: { readonly vector: boolean; readonly blocks: boolean },
      start: Dim,
      available: Dim,
      offset: Dim,
      stride: Dim,
    ) =>
      dispatches.push({
        label: 'gather',
        shader: gatherShader({ source: dtype, ...form }),
        bind: { source, index: { tensor: index }, y: { tensor: output } },
        params: {
          rows: mul(...index.shape),
          width: columns,
          index_offset: vectorOffset(index),
          first: start,
          available,
          source_offset: offset,
          source_stride: stride,
        },
        groups: ceilDiv(mul(...index.shape, form.vector ? columns / 4 : columns), gatherLanes),
      });
    for (const source of Object.values(sources)) {
      const vector = isAligned(source, 4);
      if (source.role === 'weight' && !source.view) {
        const blocks = columnLanes(source, context.limits) !== undefined;
        const layout = blocks ? 'columns' : 'rows';
        const weight = context.weight(source, { layout, split: true, quantised: true });
        const dtype = weight.dtype as MatrixStorage;
        const stride = blocks ? rowWords(dtype, columns) : columns;
        weight.parts.forEach((part, i) =>
          dispatch({ weight, part: i }, dtype, { vector, blocks }, add(first, part.start), part.rows, 0, stride),
        );
      } else
        for (const { start, part } of rowParts(source, context.limits)) {
          const { offset, stride } = placement(part);
          dispatch({ tensor: part }, 'f32', { vector, blocks: false }, add(first, start), rows(part), offset, stride);
        }
      first = add(first, rows(source));
    }
    return dispatches;
  },
};

/**
 * Rows `index` of the sources read as (rows, W), numbered through all of them. index u32 (…), sources (…, W) in f32 or weights → (…, W).
 * An index beyond the last source leaves its row unwritten.
 */
export function gather(index: Tensor, ...sources: Tensor[]): Tensor {
  checkDtype('gather', 'index', index, 'u32');
  if (sources.length === 0) throw new GraphError('[gather] there must be at least one source');
  checkFloats('gather', Object.fromEntries(sources.map((s, i) => [`source ${i}`, s])));
  const columns = width(sources[0]);
  for (const s of sources) {
    if (width(s) !== columns) throw new GraphError(`[gather] ${s.name} must be ${columns} wide but is ${width(s)}`);
    if (maximum(rows(s)) > 2 ** 31) throw new GraphError(`[gather] ${s.name} must have fewer than 2^31 rows`);
  }
  const inputs = Object.fromEntries([['index', index], ...sources.map((s, i) => [`source${i}`, s] as const)]);
  return call(gatherOp, inputs, {}, { shape: [...index.shape, columns] });
}
