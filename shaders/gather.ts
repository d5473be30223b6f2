/**
 * gather: y[i] = source[index[i] − first] for the rows whose index lies in [first, first + available). One dispatch for each source or part of
 * a split one; rows of other sources are left alone. One invocation copies one vec4 (or scalar) and widens it to f32.
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { type MatrixStorage, cached, declareTensor, entry, groupIndex } from './common.ts';

export interface GatherOptions {
  readonly source: MatrixStorage;
  readonly vector: boolean;
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
  source_offset: u32,
  source_stride: u32,
}
${declareTensor(0, 'source', o.source, !o.vector)}
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
  y[at] = source_at${o.vector ? 4 : ''}((params.source_offset + source_row * params.source_stride) / ${per}u + at % width);
}
`;
});
