/**
 * linear through workgroup memory: y = activate(x·Wᵀ + bias) + residual.   x (M, K), W (N, K), y (M, N). For GPUs, whatever their subgroups are.
 *
 * One workgroup computes a tile of rows × columns outputs. For each step of K its invocations bring 4×4 blocks of x and W, read as vec4s along K,
 * turn them in registers and put them down as lines of one k each; while they are on their way, the step before is multiplied.
 * An invocation owns one or two quads of rows and of columns: of the values that it reads from workgroup memory each serves four or eight sums.
 * Block number b of a line lies at b ^ (k / 4), so that neighbours who put down different k, and those who read one k, meet different banks.
 * Sums run over K in order, as in `linear`, so both give the same bits. K and the placement of x must be multiples of 4.
 *
 * Few rows fill no GPU. Then K is split into chunks, which workgroups of their own add up and `linear_sum` adds together; for more rows, whose
 * results must be the same, one workgroup adds up chunk after chunk.
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { cached, entry, groupIndex, unroll } from './common.ts';
import { type LinearOptions, linearHead, linearStore } from './linear_parts.ts';

export interface LinearTile {
  /** Outputs of a workgroup. */
  readonly rows: number;
  readonly columns: number;
  /** Quads of rows and of columns that an invocation owns. */
  readonly quads: 1 | 2;
  /** Steps of K that lie in workgroup memory; (rows + columns) · depth f32 must fit 16 KiB. */
  readonly depth: 16 | 32;
}

export interface LinearTileOptions extends LinearOptions {
  readonly tile: LinearTile;
  /**
   * What is added up: all of K at once; `params.chunk` steps of K, a multiple of `depth`, and then the chunks; or one chunk, into y (chunks, M, N up
   * to a multiple of 4), without what follows the sum.
   */
  readonly sum: 'whole' | 'chunks' | 'chunk';
}

export const linearTileShader = cached((o: LinearTileOptions): string => {
  const { rows, columns, quads, depth } = o.tile;
  const [chunks, alone] = [o.sum === 'chunks', o.sum === 'chunk'];
  const across = columns / 4 / quads; // invocations along a row of the tile
  const down = rows / 4 / quads;
  const lanes = across * down;
  const steps = depth / 4;
  const [xBlocks, blocks] = [(rows / 4) * steps, ((rows + columns) / 4) * steps];
  const loads = blocks / lanes;
  const result = chunks ? 'total' : 'sum';
  const each = (text: (r: number, c: number) => string) => unroll(quads, (r) => unroll(quads, (c) => text(r, c)));
  return wgsl`
${linearHead(o, o.sum === 'whole' ? '' : 'chunk: u32,       // steps of K')}
${alone ? '' : linearStore(o)}
var<workgroup> tile: array<vec4f, ${(depth * (rows + columns)) / 4}>;   // ${depth} lines of x, then ${depth} of W

// A block of the step that begins at vec4 k of a row: four rows of x or, after all those, of W; four of K each, zeros beyond K.
fn block(index: u32, origin: vec2u, k: u32) -> mat4x4f {
  let at = k + index % ${steps}u;
  let depth = params.depth / 4u;
  if (at >= depth) { return mat4x4f(); }
  if (index < ${xBlocks}u) {
    let row = origin.x + index / ${steps}u * 4u;
    let first = params.x_offset / 4u + at;
    let stride = params.x_stride / 4u;
    return mat4x4f(${unroll(4, (i) => `x[first + min(row + ${i}u, params.rows - 1u) * stride]`, ', ')});
  }
  let column = origin.y + (index - ${xBlocks}u) / ${steps}u * 4u;
  return mat4x4f(${unroll(4, (i) => `weight_at4(min(column + ${i}u, params.columns - 1u) * depth + at)`, ', ')});
}

fn put(index: u32, block: mat4x4f) {
  let turned = transpose(block);
  let own = select(index - ${xBlocks}u, index, index < ${xBlocks}u);
  let line = select(${columns / 4}u, ${rows / 4}u, index < ${xBlocks}u);
  let step = index % ${steps}u;
  let at = select(${(depth * rows) / 4}u, 0u, index < ${xBlocks}u) + step * 4u * line + ((own / ${steps}u) ^ step);
  ${unroll(4, (i) => `tile[at + ${i}u * line] = turned[${i}];`)}
}

${entry(lanes)} {
  let tiles = vec2u((params.rows + ${rows - 1}u) / ${rows}u, (params.columns + ${columns - 1}u) / ${columns}u);
  let index = ${groupIndex};
  let origin = vec2u(index / tiles.y % tiles.x * ${rows}u, index % tiles.y * ${columns}u);
  let part = index / tiles.y / tiles.x;
  #if ${alone}
  let begin = part * params.chunk;
  let end = min(begin + params.chunk, params.depth);
  if (begin >= end) { return; }
  #else
  let begin = 0u;
  let end = params.depth;
  if (part > 0u) { return; }
  #endif
  let down = lane / ${across}u;
  let across = lane % ${across}u;
  ${each((r, c) => unroll(4, (j) => `var sum${4 * r + j}_${c} = vec4f();`))}
  #if ${chunks}
  ${each((r, c) => unroll(4, (j) => `var total${4 * r + j}_${c} = vec4f();`))}
  #endif
  for (var k = begin; k < end + ${depth}u; k += ${depth}u) {
    ${unroll(loads, (p) => `let block${p} = block(lane + ${p * lanes}u, origin, k / 4u);`)}
    for (var at = k - min(k - begin, ${depth}u); at < min(k, end); at += 4u) {   // the step before; no compiler can count it
      let step = at % ${depth}u / 4u;
      ${unroll(quads, (r) => `let x${r} = step * ${rows}u + ((down + ${r * down}u) ^ step);`)}
      ${unroll(quads, (c) => `let w${c} = ${(depth * rows) / 4}u + step * ${columns}u + ((across + ${c * across}u) ^ step);`)}
      ${unroll(
        4,
        (i) => `{
        ${unroll(quads, (r) => `let a${r} = tile[x${r} + ${(i * rows) / 4}u];`)}
        ${unroll(quads, (c) => `let b${c} = tile[w${c} + ${(i * columns) / 4}u];`)}
        ${each((r, c) => unroll(4, (j) => `sum${4 * r + j}_${c} = fma(vec4f(a${r}[${j}]), b${c}, sum${4 * r + j}_${c});`))}
      }`,
      )}
    }
    #if ${chunks}
    if (k % params.chunk == 0u || k >= end) {
      ${each((r, c) => unroll(4, (j) => `total${4 * r + j}_${c} += sum${4 * r + j}_${c}; sum${4 * r + j}_${c} = vec4f();`))}
    }
    #endif
    workgroupBarrier();
    ${unroll(loads, (p) => `put(lane + ${p * lanes}u, block${p});`)}
    workgroupBarrier();
  }
  for (var n = origin.x; n < min(origin.x + ${4 * quads}u, params.rows); n++) {
    let i = n - origin.x;
    ${unroll(quads, (c) => `var value${c} = ${result}0_${c};`)}
    switch i {
      ${unroll(4 * quads - 1, (i) => `case ${i + 1}u: { ${unroll(quads, (c) => `value${c} = ${result}${i + 1}_${c};`, ' ')} }`)}
      default: {}
    }
    let row = n - i + (down + i / 4u * ${down}u) * 4u + i % 4u;
    ${unroll(quads, (c) => `store(${alone ? 'part, ' : ''}row, origin.y + (across + ${c * across}u) * 4u, value${c});`)}
  }
}
#if ${alone}
fn store(part: u32, row: u32, column: u32, sum: vec4f) {
  if (row >= params.rows || column >= params.columns) { return; }
  y[(part * params.rows + row) * ((params.columns + 3u) / 4u) + column / 4u] = sum;
}
#endif
`;
});
