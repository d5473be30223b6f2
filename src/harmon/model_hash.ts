/**
 * Which weights a model has, told quickly: a SHA-256 over the name, dtype and shape of each tensor that the model uses and over a sample
 * of its values, the first row (a vector whole). It is the same in every file format. It tells models apart; it is no proof of every byte.
 */
import type { Quantised, TensorEntry, TensorFile } from '../engine/index.ts';
import { concat } from './bytes.ts';
import type { HarmonConfig } from './config.ts';
import { checkHarmon, declaredTensors } from './declared.ts';
import type { ModelIdentity } from './record.ts';
import { quantisedForm } from './weight_source.ts';

/** `digest` is SHA-256. Errors: FileError, also for weights that do not fit the configuration, AbortError. */
export async function identifyModel(
  { config, weights, quantise }: { config: HarmonConfig; weights: TensorFile; quantise?: Quantised },
  digest: (bytes: Uint8Array<ArrayBuffer>) => Promise<ArrayBuffer>,
  signal?: AbortSignal,
): Promise<ModelIdentity> {
  checkHarmon(weights, config);
  const used = new Set(declaredTensors(config).map(({ name }) => name));
  const entries = [...weights.tensors.values()]
    .filter(({ name }) => used.has(name))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const samples = await Promise.all(
    entries.map(({ name, shape }) => weights.read(name, { rows: shape.length > 1 ? [0, 1] : undefined, signal })),
  );
  const text = new TextEncoder();
  const parts = entries.flatMap(({ name, dtype, shape }, i) => [
    text.encode(`${name} ${dtype} [${shape.join(', ')}]\n`),
    samples[i],
  ]);
  const hash = Array.from(new Uint8Array(await digest(concat(parts))), (byte) => byte.toString(16).padStart(2, '0'));
  return {
    name: config.name,
    hash: hash.join(''),
    weights: quantisedForm(weights, quantise) ?? mostCommonDtype(entries),
  };
}

/** The dtype that holds most values. */
function mostCommonDtype(entries: readonly TensorEntry[]): string {
  const counts = new Map<string, number>();
  for (const { dtype, shape } of entries)
    counts.set(dtype, (counts.get(dtype) ?? 0) + shape.reduce((a, b) => a * b, 1));
  return [...counts].reduce((a, b) => (b[1] > a[1] ? b : a), ['F32', 0] as [string, number])[0].toLowerCase();
}
