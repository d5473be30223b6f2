/** The models whose tasks are timed: the embedded one, and the published ones at full size with weights that a formula makes. */
import { readFileSync } from 'node:fs';
import { openHarmon } from '../node/model.ts';
import { packageFile } from '../node/package.ts';
import type { Device } from '../src/engine/index.ts';
import { declaredTensors } from '../src/harmon/declared.ts';
import { Harmon, createTokenizer, harmonConfigs } from '../src/harmon/index.ts';
import { formulaFile } from '../tests/support/formula.ts';

export const modelNames = ['embedded', '0.5b', '1.5b'] as const;
export type ModelName = (typeof modelNames)[number];

/** Opens a model on a device that stays the caller's. Ids of the published sizes go through the embedded model's tokenizer. */
export async function openModel(name: ModelName, device: Device, signal?: AbortSignal): Promise<Harmon> {
  if (name === 'embedded') return openHarmon({ device, signal });
  const config = harmonConfigs[name];
  const path = packageFile('models/harmon-tiny/tokenizer.json');
  const tokenizer = createTokenizer(JSON.parse(readFileSync(path, 'utf8')), path);
  return Harmon.open({ device, config, tokenizer, weights: formulaFile(declaredTensors(config), config.name) });
}
