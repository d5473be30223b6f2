/** Which files of a repository make a model. */
import { FileError } from '../../src/engine/index.ts';
import { MANIFEST, type Manifest, parseManifest } from '../../src/harmon/manifest.ts';
import { type Cures, parseJson, pickWeights } from '../../src/harmon/open.ts';
import type { HubFile } from './file.ts';
import { isPlainFile } from './name.ts';

/** What is there already, under the options' names; the repository need not have it. */
export interface Given {
  readonly checkpoint?: string;
  readonly vae?: string;
  readonly tokenizer?: string;
}

export interface Picked {
  /** All that must be fetched. */
  readonly files: readonly HubFile[];
  /** Names of the files of weights; none where the checkpoint is given. */
  readonly model?: string;
  readonly vae?: string;
  readonly manifest?: Manifest;
}

/**
 * Picks from the files of a repository; `text` fetches a small one of them. A folder that `convert` made is taken as its own list has it; of other
 * repositories the weights, or the index of shards and its shards, the VAE, config.json and tokenizer.json. @throws FileError.
 */
export async function pickFiles(
  place: string,
  listed: readonly HubFile[],
  given: Given,
  text: (file: HubFile) => Promise<string>,
): Promise<Picked> {
  const byName = new Map(listed.map((file) => [file.name, file]));
  const list = byName.get(MANIFEST);
  if (list && given.checkpoint === undefined) return ofManifest(place, byName, list, given, await text(list));
  const beside = ['config.json', 'tokenizer.json'].flatMap((name) => byName.get(name) ?? []);
  if (!byName.has('tokenizer.json') && given.tokenizer === undefined)
    throw new FileError(
      `${place}: must hold the tokenizer.json of Qwen2.5 but does not: name it with --tokenizer, or name single files with --checkpoint`,
    );
  if (given.checkpoint !== undefined) return { files: beside };
  const cures = curesOf(place);
  const { model, vae } = pickWeights(place, [...byName.keys()], cures, given.vae);
  const own = [model, ...(vae !== undefined && given.vae === undefined ? [vae] : [])];
  const files = new Map<string, HubFile>([...beside, ...own.map((name) => byName.get(name)!)].map((f) => [f.name, f]));
  for (const index of own.filter((name) => name.endsWith('.index.json')))
    for (const shard of shardsIn(`${place}: ${index}`, await text(byName.get(index)!))) {
      const file = byName.get(shard);
      if (!file)
        throw new FileError(
          `${place}: must hold the shards that its ${index} lists but has no ${shard}: take another revision`,
        );
      files.set(shard, file);
    }
  return { files: distinct(place, [...files.values()]), model, vae: given.vae === undefined ? vae : undefined };
}

function ofManifest(
  place: string,
  byName: ReadonlyMap<string, HubFile>,
  list: HubFile,
  given: Given,
  text: string,
): Picked {
  const name = `${place}: ${MANIFEST}`;
  const manifest = parseManifest(parseJson({ name, text }), name);
  const files = manifest.files.map((file) => {
    const there = byName.get(file.name);
    if (there?.bytes !== file.bytes)
      throw new FileError(
        `${place}: must hold ${file.name} with ${file.bytes} bytes as its ${MANIFEST} lists but ${there ? `has ${there.bytes}` : 'does not'}: take another revision`,
      );
    return there;
  });
  const names = manifest.files.map((file) => file.name);
  const { model, vae } = pickWeights(place, names, curesOf(place), given.vae);
  return { files: distinct(place, [list, ...files]), model, vae: given.vae === undefined ? vae : undefined, manifest };
}

/** The files that an index of shards names. */
function shardsIn(name: string, text: string): Set<string> {
  const json: unknown = parseJson({ name, text });
  const map = typeof json === 'object' && json !== null && 'weight_map' in json ? json.weight_map : undefined;
  if (typeof map !== 'object' || map === null) throw new FileError(`${name}: must list tensors by shard but does not`);
  const shards = new Set(Object.values(map) as unknown[]);
  for (const shard of shards)
    if (!isPlainFile(shard) || !shard.endsWith('.safetensors'))
      throw new FileError(
        `${name}: must name files of safetensors beside it but names ${JSON.stringify(shard)?.slice(0, 80)}`,
      );
  return shards as Set<string>;
}

/** Some file systems take names that differ in case only for one. */
function distinct(place: string, files: readonly HubFile[]): readonly HubFile[] {
  if (new Set(files.map(({ name }) => name.toLowerCase())).size < files.length)
    throw new FileError(`${place}: must name its files apart but some differ in upper and lower case only`);
  return files;
}

const curesOf = (place: string): Cures => {
  const file = `${place.split('@')[0]}/FILE`;
  return {
    model: `name one with --checkpoint ${file}`,
    vae: `name one with --vae ${file}`,
    vaeAlone: '',
    noVae: '',
    config: '',
    tokenizer: '',
  };
};
