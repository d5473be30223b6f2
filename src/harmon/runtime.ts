/** What both tasks of a loaded model stand on: the device, the checkpoint, and the compiler settings that follow from them. */
import type { Choices, PlanOptions, Quantised, RangeWatch, WeightStore } from '../engine/index.ts';
import {
  ArgumentError,
  type Device,
  type Graph,
  type LoadProgress,
  OvertoneError,
  type Plan,
  SessionSet,
  type WeightSource,
  compile,
  compileAll,
  weightBytes,
} from '../engine/index.ts';
import type { HarmonConfig } from './config.ts';
import { vaeStride } from './config.ts';
import type { Grid } from './graphs.ts';
import { shown } from './options.ts';
import { resamplePositions } from './positions.ts';
import type { Tokenizer } from './tokenizer.ts';

/** How far the loading of weights has come. */
export type OnProgress = (progress: LoadProgress) => void;

/** What plans follow from; no device is needed for it. */
export interface PlanSource {
  readonly device: Pick<Device, 'planLimits'>;
  readonly config: HarmonConfig;
  readonly source: Pick<WeightSource, 'dtype'>;
  readonly quantise?: Quantised;
  /** Takes no kernels whose weights are larger than the checkpoint's. */
  readonly frugal?: boolean;
  /** Goes over pictures in bands of rows. */
  readonly bands?: boolean;
  /** Variants of kernels to use in place of the defaults. */
  readonly choices?: Choices;
}

export interface Runtime extends PlanSource {
  readonly device: Device;
  readonly tokenizer: Tokenizer;
  readonly source: WeightSource;
  readonly weights: WeightStore;
  /** Most bytes on the device; as many as it takes without. */
  readonly memory?: number;
  /** Looks at every tensor that is stored: a check, much slower than work. */
  readonly watch?: RangeWatch;
}

/** Plans of graphs with the checkpoint's stored dtypes, or quantised. */
export function compileFor(runtime: PlanSource, graph: Graph, keep: readonly string[] = []): Plan {
  return compile(graph, { ...planOptions(runtime), keep });
}

/** Bands of a picture: its largest tensor is given to kernels in at least so many. */
const BANDS = 4;

/**
 * The plan of a pass over pictures, where `runtime.bands` in bands of rows, each with the rows around it that its filters see: kernels are given less at
 * once, and what is copied for them is smaller. The bits are the same. As a whole where a band would not hold what must be in one piece.
 */
export function compilePicture(runtime: PlanSource, graph: () => Graph, keep: readonly string[] = []): Plan {
  const whole = compileFor(runtime, graph(), keep);
  if (!runtime.bands) return whole;
  const weights = whole.weights.flatMap(weightBytes);
  const band = Math.max(Math.ceil(Math.max(...whole.blocks) / BANDS), ...weights);
  try {
    return compile(graph(), { ...planOptions(runtime), keep, maxStorageBufferBindingSize: band });
  } catch (error) {
    if (error instanceof OvertoneError && error.code === 'memory') return whole;
    throw error;
  }
}

/** How the plans of a model are compiled. */
export function planOptions({ device, source, quantise, frugal, choices }: PlanSource): PlanOptions {
  return { ...device.planLimits, weightDtype: (name) => source.dtype(name), quantise, frugal, choices };
}

/** Loads what the plans need and does not lie on the device yet, while the driver compiles their kernels, and makes their sessions. */
export async function openSessions<Name extends string>(
  runtime: Runtime,
  plans: Readonly<Record<Name, Plan>>,
  options: { aliases?: Record<string, string>; signal?: AbortSignal; onProgress?: OnProgress } = {},
): Promise<SessionSet<Name>> {
  const { device, weights, source } = runtime;
  const all = Object.values<Plan>(plans);
  const loading = weights.load(
    all.flatMap((plan) => plan.weights),
    source,
    options,
  );
  const compiling = all.map((plan) => compileAll(device, plan, options.signal));
  for (const result of await Promise.allSettled([loading, ...compiling]))
    if (result.status === 'rejected') throw result.reason;
  return SessionSet.create(device, plans, { weights, watch: runtime.watch, ...options });
}

/** A position table of the checkpoint at `grid`, on the host. */
export async function positionTable(
  runtime: Runtime,
  part: 'encoder' | 'decoder' | 'diffusion',
  grid: Grid,
): Promise<Float32Array<ArrayBuffer>> {
  const { width, bufferTokens } = runtime.config.mar;
  const buffers = part === 'diffusion' ? 0 : bufferTokens;
  const stored = await runtime.source.readF32(`mar.${part}_pos_embed_learned`);
  return new Float32Array(resamplePositions(stored, width, buffers, grid));
}

/** The token grid of a picture. Errors: ArgumentError unless both sides are multiples of the VAE's stride. */
export function gridOf(config: HarmonConfig, width: number, height: number): Grid {
  const stride = vaeStride(config);
  for (const side of [width, height])
    if (!Number.isInteger(side) || side < stride || side % stride !== 0 || side > 4096)
      throw new ArgumentError(
        `[image size] must be a multiple of ${stride} from ${stride} to 4096 pixels but is ${shown(side)}: try ${config.mar.nativeImageSize}`,
      );
  return [height / stride, width / stride];
}
