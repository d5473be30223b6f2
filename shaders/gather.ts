/**
 * gather: y[i] = source[index[i] − first] for the rows whose index lies in [first, first + available). One dispatch for each source or part of
 * a split one; rows of other sources are left alone. One invocation copies one vec4 (or scalar) and widens it to f32. A table that is also the weight
 * of a linear may lie in blocks of 32 rows, whose words take turns.
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { type MatrixStorage, cached, declareBlocks, declareTensor, entry, groupIndex } from './common.ts';

export interface GatherOptions {
  readonly source: MatrixStorage;
  readonly vector: boolean;
  /** The source lies in blocks of 32 rows; `source_stride` are the words of a row. */
  readonly blocks: boolean;
}

export const gatherLanes = 64;

export const gatherShader = cached((o: GatherOptions): string => {
  const per = o.vector ? 4 : 1;
  return wgsl`
struct Params {
  rows: u32,
  width: u32,
  index_offset: u32,
  first: u32,           // index of the source's first row
  available: u32,       // rows of the source
  source_offset: u32,   // elements
  source_stride: u32,
}
${o.blocks ? declareBlocks(0, 'source', o.source) : declareTensor(0, 'source', o.source, !o.vector)}
@group(0) @binding(1) var<storage, read> index: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<${o.vector ? 'vec4f' : 'f32'}>;
@group(0) @binding(3) var<uniform> params: Params;
${entry(gatherLanes)} {
  let at = (${groupIndex}) * ${gatherLanes}u + lane;
  let width = params.width / ${per}u;
  let row = at / width;
  if (row >= params.rows) { return; }
  let source_row = index[params.index_offset + row] - params.first;   // wraps below first
  if (source_row >= params.available) { return; }
  #if ${o.blocks}
  y[at] = source_at4(source_row / 32u * 32u * params.source_stride + source_row % 32u, at % width);
  #else
  y[at] = source_at${o.vector ? 4 : ''}((params.source_offset + source_row * params.source_stride) / ${per}u + at % width);
  #endif
}
`;
});
