/** The embedded model as an application opens it: its two published files, joined, and a Harmon over them. */
import { fileSource } from '../../node/files.ts';
import { type Device, type TensorFile, WeightStore, openTensorFile } from '../../src/engine/index.ts';
import { joinCheckpoint } from '../../src/harmon/checkpoint.ts';
import { Harmon } from '../../src/harmon/harmon.ts';
import type { Runtime } from '../../src/harmon/runtime.ts';
import { weightSource } from '../../src/harmon/weight_source.ts';
import { modelPath, tinyConfig, tinyTokenizer } from './golden.ts';

const config = tinyConfig();
const tokenizer = tinyTokenizer();

export async function tinyFile(): Promise<{ file: TensorFile; close(): Promise<void> }> {
  const sources = await Promise.all(
    ['harmon_tiny.pth', 'kl16_tiny.ckpt'].map((name) => fileSource(modelPath(name).pathname)),
  );
  const [model, vae] = await Promise.all(sources.map((source) => openTensorFile(source)));
  const close = async () => void (await Promise.all(sources.map((source) => source.close())));
  return { file: joinCheckpoint(model, vae), close };
}

export const tinyHarmon = (device: Device, weights: TensorFile): Harmon =>
  Harmon.open({ device, config, tokenizer, weights });

/** The same below the public calls, for its tasks by themselves. Its weights are the caller's to destroy. */
export const tinyRuntime = (device: Device, weights: TensorFile): Runtime => ({
  device,
  config,
  tokenizer,
  source: weightSource(weights),
  weights: new WeightStore(device),
});
