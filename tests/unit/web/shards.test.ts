/** Files of a folder that `convert` made, chosen in the page: several shards by their index, in a quantised form. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { layOutSafetensors } from '../../../src/engine/index.ts';
import { castWeights } from '../../../src/harmon/cast_weights.ts';
import { configJson } from '../../../src/harmon/config.ts';
import { chosenFiles, openModelFiles } from '../../../web/files.ts';
import { modelPath } from '../../support/golden.ts';
import { smallConfig, smallWeights } from '../../support/small_model.ts';

const INDEX = 'model.safetensors.index.json';

test('a quantised model in three shards', async () => {
  const weights = castWeights(smallWeights(), smallConfig, 'q8');
  const entries = [...weights.tensors.values()];
  const places: Record<string, string> = {};
  const files: File[] = [];
  for (const shard of [0, 1, 2]) {
    const name = `model-0000${shard + 1}-of-00003.safetensors`;
    const { head, order } = layOutSafetensors(entries.filter((_, i) => i % 3 === shard));
    const parts = await Promise.all(order.map((entry) => weights.read(entry.name)));
    files.push(new File([head, ...parts] as BlobPart[], name));
    for (const entry of order) places[entry.name] = name;
  }
  files.push(
    new File([JSON.stringify({ weight_map: places })], INDEX),
    new File([JSON.stringify(configJson(smallConfig))], 'config.json'),
    new File([readFileSync(modelPath('tokenizer.json'))], 'tokenizer.json'),
  );
  const none = chosenFiles([]);
  const opened = await openModelFiles(chosenFiles(files), none);
  expect([...opened.weights.tensors.values()].filter(({ dtype }) => dtype === 'Q8').length).toBeGreaterThan(20);
  for (const { name, dtype, shape } of entries) {
    expect(opened.weights.tensors.get(name)).toMatchObject({ dtype, shape });
    expect(Buffer.compare(await opened.weights.read(name), await weights.read(name)), name).toBe(0);
  }
  const lost = files.filter(({ name }) => !name.startsWith('model-00002'));
  await expect(openModelFiles(chosenFiles(lost), none)).rejects.toThrow(
    /model-00002-of-00003\.safetensors: must be one/,
  );
});
