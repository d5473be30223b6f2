/** What a run of the benchmark finds: the JSON file, row by row. Rates are in units a second, G is 10⁹, a multiply-add counts as two. */

/** What the adapter can do, measured before anything else. */
export interface Calibration {
  /** Multiply-adds in registers, GFLOP/s; f16 where the adapter has it. */
  readonly f32: number;
  readonly f16?: number;
  /** dot4I8Packed, GOP/s, where the language has it. */
  readonly dot4?: number;
  /** Bytes read and written by copyBufferToBuffer and by a kernel of vec4s, GB/s. */
  readonly copy: number;
  readonly kernelCopy: number;
  /** One dispatch of an empty workgroup among many, microseconds. */
  readonly dispatch: number;
  /** An empty submit until the host hears of its end, milliseconds. */
  readonly submit: number;
}

export type Bound = 'compute' | 'memory' | 'launch';

/** A variant beside the one that was chosen: in its own rounds between the others', or why it has none. */
export type VariantRow =
  | { readonly ms: number; readonly share: number; readonly compile: number; readonly variant: string }
  | { readonly error: string };

export interface Row {
  readonly op: string;
  readonly shape: string;
  /** On the device: median and best of the rounds, milliseconds. */
  readonly ms: number;
  readonly best: number;
  /** One call until its result is on the host, milliseconds: what peers are compared with. */
  readonly call: number;
  /** First run less a later one: the kernels' compilation with the driver's cache off, milliseconds. */
  readonly compile: number;
  readonly gflops: number;
  readonly gbps: number;
  readonly bound: Bound;
  /** Of the rate that bounds it, which was measured again between the rounds. */
  readonly share: number;
  /** Kernels chosen, and the forms of their operands. */
  readonly variant: string;
  /** With --variants: the other variants of the op's choices, by name. */
  readonly variants?: Readonly<Record<string, VariantRow>>;
  readonly dispatches: number;
  /** One call of each peer, result on the host, milliseconds. */
  readonly peers: Readonly<Record<string, number>>;
  /** Why a peer has no time: refused, crashed, or of another opinion. */
  readonly failed: Readonly<Record<string, string>>;
}

/** Work of one kernel in one pass of the model. */
export interface PassTime {
  readonly pass: string;
  readonly kernel: string;
  readonly dispatches: number;
  /** On the device; absent where the adapter has no timestamps. */
  readonly ms?: number;
}

/** What a task costs the host. */
export interface HostTime {
  /** Encoding one dispatch, copies before it included, microseconds. */
  readonly encode: number;
  /** One submit, milliseconds, and how many there were. */
  readonly submit: number;
  readonly submits: number;
}

/** One task of a model, from start to result, seconds. */
export interface Phase {
  readonly task: 'text2image' | 'image2text';
  readonly what: string;
  /** With every kernel still to be compiled and every weight to be loaded. */
  readonly first: number;
  /** Median of the runs after it. */
  readonly seconds: number;
  /** text2image: of an iteration. image2text: until the first token, and tokens a second after it. */
  readonly iteration?: number;
  readonly firstToken?: number;
  readonly tokensPerSecond?: number;
  readonly dispatches: number;
  readonly host?: HostTime;
  readonly passes: readonly PassTime[];
}

export interface BenchRecord {
  readonly adapter: string;
  readonly driver: string;
  readonly machine: string;
  readonly measured: string;
  readonly versions: Readonly<Record<string, string>>;
  /** What its times are. */
  readonly clock: string;
  readonly calibration: Calibration;
  readonly rows: readonly Row[];
  readonly phases: readonly Phase[];
  /** Rows that this adapter cannot have, and why: a size beyond its limits. */
  readonly refused?: Readonly<Record<string, string>>;
  /** Most bytes that the model held on the device, and those alive at the end by purpose. */
  readonly memory?: { readonly peak: number; readonly alive: Readonly<Record<string, number>> };
}

/** Name and time of the fastest peer, where one has a time. */
export function fastestPeer({ peers }: Pick<Row, 'peers'>): { readonly name: string; readonly ms: number } | undefined {
  const [first] = Object.entries(peers).sort(([, a], [, b]) => a - b);
  return first && { name: first[0], ms: first[1] };
}
