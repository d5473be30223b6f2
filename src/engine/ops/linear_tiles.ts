/**
 * Which tile of workgroup memory computes a product of several rows on a GPU, whether K is split, or whether a subgroup's matrices do it. Software adapters, whose workgroup memory is
 * no faster than storage, need 2.5 times as long by tiles, and by split K what the second dispatch adds: they are not asked.
 */
import type { LinearTile } from '../../../shaders/linear_tile.ts';
import { type Dim, maximum } from '../extent.ts';
import type { Lowering } from '../op.ts';

/** Of 64, 256 and 256 invocations, in 8, 16 and 16 KiB. */
export const TILES = {
  tile_32: { rows: 32, columns: 32, quads: 1, depth: 32 },
  tile_64: { rows: 64, columns: 64, quads: 1, depth: 32 },
  tile_128: { rows: 128, columns: 128, quads: 2, depth: 16 },
} as const satisfies Record<string, LinearTile>;
type TileName = keyof typeof TILES;

export interface TileForm {
  readonly tile: TileName;
  /** Steps of K that are added up by themselves, where K is split. */
  readonly chunk?: number;
  /** By workgroups of their own. */
  readonly apart?: boolean;
}

/** What the best form depends on, beside the rows. */
export interface ProductFacts {
  readonly columns: number;
  readonly depth: number;
  readonly weight: string;
}

/** Chunks apart, by tiles of 32 or 64, or else a tile for all of K, which adds them up in the same order. */
const FORMS = {
  chunks_32: { tile: 'tile_32', apart: true },
  chunks_64: { tile: 'tile_64', apart: true },
  tile_32: { tile: 'tile_32' },
  tile_64: { tile: 'tile_64' },
  tile_128: { tile: 'tile_128' },
} as const;
type FormName = keyof typeof FORMS;

/**
 * The tile that the rows fill, on NVIDIA's GPUs, which have registers enough, the large one where there are many of it. Those of few rows take the
 * chunks of a split K apart. All forms of one chunk give the same bits.
 */
export function tileForm(height: Dim, facts: ProductFacts, context: Lowering): TileForm | 'matrix' {
  const most = maximum(height);
  const { columns, depth } = facts;
  const sum = sumOf(facts, context);
  if (sum === 'matrix') return sum;
  const chunk = sum === 'whole' ? undefined : 32 * Math.ceil(depth / 32 / PARTS[sum]);
  const pick = (...names: [FormName, ...FormName[]]): TileForm => ({
    ...FORMS[context.pick({ rows: height, ...facts }, names)],
    chunk,
  });
  const sums = chunk ? 4 * Math.ceil(depth / chunk) * most * (columns + 3) : Infinity; // bytes
  const splits = most <= 256 && sums <= context.limits.maxStorageBufferBindingSize;
  if (most <= 32) return splits ? pick('chunks_32', 'chunks_64', 'tile_32', 'tile_64') : pick('tile_32', 'tile_64');
  if (splits) return pick('tile_64', 'tile_32', 'chunks_64', 'chunks_32');
  const many = Math.ceil(most / 128) * Math.ceil(columns / 128) >= 64;
  return many && !chunk && context.limits.vendor === 'nvidia'
    ? pick('tile_128', 'tile_64', 'tile_32')
    : pick('tile_64', 'tile_128', 'tile_32');
}

/** Chunks of a split K: their steps are a multiple of every tile's. */
const PARTS = { split_4: 4, split_8: 8 } as const;
type Sum = 'whole' | keyof typeof PARTS | 'matrix';

/**
 * How a product is summed up, which must not depend on the rows, as the bits follow it. K is split for narrow products, whose few rows would occupy
 * few workgroups and walk a long way. Matrices are a tuner's choice: nothing has measured them yet.
 */
function sumOf(facts: ProductFacts, context: Lowering): Sum {
  const { columns, depth, weight } = facts;
  const pick = (...names: [Sum, ...Sum[]]): Sum =>
    context.pick({ ...facts }, context.limits.matrixKernel && weight !== 'f32' ? [...names, 'matrix'] : names);
  if (depth < 1024) return pick('whole');
  if (columns > 4096) return pick('whole', 'split_4', 'split_8');
  return depth < 4096 ? pick('split_4', 'whole', 'split_8') : pick('split_8', 'whole', 'split_4');
}
