/**
 * What a check of magnitudes found, as JSON: which tensors may be stored in f16. One run only sees its own prompt and picture, so a tensor counts as
 * safe with room for twice what it held.
 *
 *     { "format": "overtone-range-1", "model": "harmon-1.5b", "adapter": "…", "f16_limit": 65504, "headroom": 2,
 *       "tensors": [{ "pass": "iteration", "name": "llm.model.layers.0.mlp", "largest": 812.4, "f16": true }, …],
 *       "weights": [{ "name": "llm.model.embed_tokens.weight", "dtype": "BF16", "largest": 0.4, "f16": true }, …] }
 *
 * `tensors` are those that a pass stores, in the order in which they were computed; what lives in registers only, inside fused kernels, is f32
 * anyway. `largest` is the largest magnitude.
 */
import {
  OvertoneError,
  type TensorFile,
  type TensorRange,
  storedSize,
  throwIfAborted,
  toFloat32,
} from '../engine/index.ts';
import type { HarmonConfig } from './config.ts';
import { declaredTensors } from './declared.ts';

export interface WeightRange {
  readonly name: string;
  readonly dtype: string;
  readonly largest: number;
}

export interface RangePlan {
  readonly format: 'overtone-range-1';
  readonly model: string;
  readonly adapter: string;
  readonly f16_limit: number;
  readonly headroom: number;
  readonly tensors: readonly (TensorRange & { readonly f16: boolean })[];
  readonly weights: readonly (WeightRange & { readonly f16: boolean })[];
}

/** The largest number of f16. */
export const F16_LIMIT = 65504;
const HEADROOM = 2;
/** Bytes of weights that are read at once. */
const CHUNK = 1 << 25;

/** Puts the findings together. */
export function rangePlan(
  about: Pick<RangePlan, 'model' | 'adapter'>,
  tensors: readonly TensorRange[],
  weights: readonly WeightRange[],
): RangePlan {
  const judged = <T extends { readonly largest: number }>(list: readonly T[]) =>
    list.map((entry) => ({ ...entry, f16: entry.largest * HEADROOM <= F16_LIMIT }));
  const limits = { f16_limit: F16_LIMIT, headroom: HEADROOM };
  return { format: 'overtone-range-1', ...about, ...limits, tensors: judged(tensors), weights: judged(weights) };
}

/** Where f16 would overflow, in words; nothing where it would not. */
export function overflowText({ tensors, weights }: RangePlan): string | undefined {
  const beyond = [...tensors, ...weights]
    .filter(({ largest }) => largest > F16_LIMIT)
    .sort((a, b) => b.largest - a.largest);
  if (beyond.length === 0) return undefined;
  const shown = beyond.slice(0, 4).map((entry) => `${entry.name} (${entry.largest.toPrecision(3)})`);
  const more = beyond.length > shown.length ? `, and ${beyond.length - shown.length} more` : '';
  return `f16, which ends at ${F16_LIMIT}, would overflow in ${shown.join(', ')}${more}`;
}

/**
 * The largest magnitude of each weight that the model uses. @throws OvertoneError `numerics` naming the first weight with NaN or infinity, FileError,
 * AbortError.
 */
export async function weightRanges(
  file: TensorFile,
  config: HarmonConfig,
  signal?: AbortSignal,
): Promise<WeightRange[]> {
  const used = new Set(declaredTensors(config).map(({ name }) => name));
  const ranges: WeightRange[] = [];
  for (const entry of file.tensors.values()) {
    if (!used.has(entry.name)) continue;
    const [height] = entry.shape;
    const rows = Math.max(1, Math.floor((CHUNK * (height ?? 1)) / Math.max(1, storedSize(entry))));
    let largest = 0;
    for (let at = 0; at < (height ?? 1); at += rows) {
      throwIfAborted(signal, 'check');
      const part = height === undefined ? undefined : ([at, Math.min(rows, height - at)] as const);
      for (const value of toFloat32(await file.read(entry.name, { rows: part, signal }), entry.dtype)) {
        const size = Math.abs(value);
        if (size > largest) largest = size;
        else if (size !== size) largest = NaN;
        if (!(largest < Infinity)) throw notFinite(file.name, entry.name, value);
      }
    }
    ranges.push({ name: entry.name, dtype: entry.dtype, largest });
  }
  return ranges;
}

const notFinite = (file: string, name: string, value: number): OvertoneError =>
  new OvertoneError(
    'numerics',
    `${file}: ${name} must hold finite numbers but holds ${Number.isNaN(value) ? 'NaN' : 'infinity'}: get the file again, or take another one`,
  );
