/** The class of an adapter, which defaults follow. */
import type { Limits } from '../op.ts';

/** Names that software adapters give themselves. Only they have subgroups of four or eight lanes and of no other size. */
export const isSoftware = ({ subgroupSize, architecture }: Limits): boolean =>
  subgroupSize === 4 || subgroupSize === 8 || architecture === 'software' || architecture === 'swiftshader';
