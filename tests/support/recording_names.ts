/** Which recordings a folder holds. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Names of the recordings of a folder, in order. Throws where there are none, or one is without its JSON. */
export function recordingsIn(folder: string): string[] {
  const files = existsSync(folder) ? readdirSync(folder) : undefined;
  const names = (files ?? [])
    .filter((name) => /^(vae|text2image.*|image2text.*|edit.*)\.safetensors$/.test(name))
    .map((name) => name.replace('.safetensors', ''))
    .sort();
  const sought = 'vae|text2image*|image2text*|edit*.safetensors, each with its .json';
  if (names.length === 0)
    throw new Error(
      `${folder} must hold recordings (${sought}) but ${files ? 'holds none' : 'does not exist'}: set OVERTONE_GOLDEN to a folder of them`,
    );
  const alone = names.find((name) => !existsSync(join(folder, `${name}.json`)));
  if (alone) throw new Error(`${folder} must hold recordings (${sought}) but ${alone}.json is missing`);
  return names;
}
