/**
 * Memory of a plan: intermediates whose lifetimes do not meet share a block. Blocks are whole buffers, because WebGPU forbids one buffer to be
 * read and written in the same dispatch. Largest first, each tensor takes the free block that fits it best (as in "greedy by size for
 * shared objects", Pisarchyk & Lee 2020, arXiv 2001.03288).
 */
export interface Lifetime {
  readonly bytes: number;
  /** First and last dispatch that touches it. */
  readonly first: number;
  readonly last: number;
}

export interface Assignment {
  /** Bytes of each block. */
  readonly blocks: number[];
  /** Block of each lifetime, in the order given. */
  readonly block: number[];
}

export function assignBlocks(lifetimes: readonly Lifetime[]): Assignment {
  const blocks: { bytes: number; taken: Lifetime[] }[] = [];
  const block = new Array<number>(lifetimes.length).fill(-1);
  const order = lifetimes.map((_, i) => i).sort((a, b) => lifetimes[b].bytes - lifetimes[a].bytes || a - b);
  for (const i of order) {
    const want = lifetimes[i];
    let best = -1;
    for (let b = 0; b < blocks.length; b++) {
      const free = blocks[b].taken.every((t) => t.last < want.first || want.last < t.first);
      if (free && (best < 0 || blocks[b].bytes < blocks[best].bytes)) best = b;
    }
    if (best < 0) best = blocks.push({ bytes: want.bytes, taken: [] }) - 1;
    blocks[best].taken.push(want);
    block[i] = best;
  }
  return { blocks: blocks.map((b) => b.bytes), block };
}
