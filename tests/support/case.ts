/** Op cases: one list for tests, benchmarks and the support check. A case is a one-op graph, its sizes, and a plain reference in f64. */
import type { Dtype, Extents, Graph, Quantised, Tensor } from '../../src/engine/index.ts';

export type Values = Float64Array;

export interface Spec {
  readonly shape: readonly (number | import('../../src/engine/index.ts').Size)[];
  /** Elements of the run when the shape has extents: evaluated from `Case.extents`. */
  readonly role?: 'input' | 'weight' | 'state';
  readonly dtype?: Dtype;
  /** How values are made: uniform in [−1, 1) times `scale` plus `shift`, or by index. */
  readonly scale?: number;
  readonly shift?: number;
  readonly fill?: (index: number) => number;
}

export interface OpCase {
  readonly name: string;
  /** The op, in a list of several. */
  readonly op?: string;
  readonly tensors: Readonly<Record<string, Spec>>;
  readonly extents?: Extents;
  /** Limit given to the planner, for cases that must be split. */
  readonly maxBinding?: number;
  /** Stores the matrices quantised; the reference gets what they then stand for. */
  readonly quantise?: Quantised;
  /** Compiled as for a GPU of which nothing is known, by the kernels that it would get; not in a browser, nor split. */
  readonly gpu?: boolean;
  /** Variants to test beside the default; all without. */
  readonly variants?: readonly string[];
  /** Builds the call and returns outputs by name. */
  build(t: Readonly<Record<string, Tensor>>, graph: Graph): Readonly<Record<string, Tensor>>;
  /** Expected outputs from the (rounded) inputs, in f64. */
  reference(v: Readonly<Record<string, Values>>): Readonly<Record<string, Values>>;
  /** Largest ‖ours − ref‖ / ‖ref‖; 2e-6 without. */
  readonly tolerance?: number;
  /** Part of the benchmark, and no test: a size that Harmon has. The first one of an op stands for it where one must do. */
  readonly timed?: boolean;
  /** FLOPs of the call where they depend on values, such as the length of a cache; otherwise the op knows them. */
  readonly flops?: number;
}

export interface CaseList {
  readonly op: string;
  readonly cases: readonly OpCase[];
}
