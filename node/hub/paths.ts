/** The files of a model by their names: names of a hub become paths in the cache folder, all others stay. */
import type { ModelPaths } from '../model.ts';
import { type HubOptions, fetchModel, fetchSingle } from './download.ts';
import { isHubName, parseHubName } from './name.ts';

const SINGLE = ['checkpoint', 'vae', 'tokenizer', 'config'] as const;

/** Fetches what is named with `hf:` and is not in the cache folder yet. @throws FileError, ArgumentError, AbortError. */
export async function localPaths<Paths extends ModelPaths>(paths: Paths, options: HubOptions = {}): Promise<Paths> {
  let local = paths;
  for (const key of SINGLE) {
    const path = paths[key];
    if (isHubName(path))
      local = { ...local, [key]: await fetchSingle(parseHubName(path, `--${key}`, 'file'), options) };
  }
  const { model } = paths;
  if (!isHubName(model)) return local;
  const { folder, checkpoint, vae } = await fetchModel(parseHubName(model, '--model', 'model'), local, options);
  return { ...local, model: folder, checkpoint: local.checkpoint ?? checkpoint, vae: local.vae ?? vae };
}
