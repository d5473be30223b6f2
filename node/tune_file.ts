/** What the tuner has found, in a file of the user's cache folder. A file that is broken, too long or someone's trick counts as none. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Choices, type Device, type TuneStore, readTuned, writeTuned } from '../src/engine/index.ts';
import { type Environment, cacheFolder } from './cache_folder.ts';
import { fileSource, makeFolder, removeStaleParts, writeFileAtomic } from './files.ts';
import { packageInfo } from './package.ts';

/** Bytes that are read at most. */
const MOST_BYTES = 4 << 20;

/** Path of the file: OVERTONE_TUNE_FILE, or `tune.json` in the cache folder. */
export function tuneFile(env: Environment = process.env, platform = process.platform, home = homedir()): string {
  if (env.OVERTONE_TUNE_FILE) return env.OVERTONE_TUNE_FILE;
  return join(cacheFolder(env, platform, home), 'tune.json');
}

/** A file as a store; its folder is made when something is kept. */
export function fileStore(path: string): TuneStore {
  return {
    async get() {
      if (!existsSync(path)) return undefined;
      const source = await fileSource(path);
      try {
        if (source.size > MOST_BYTES) return undefined;
        return new TextDecoder().decode(await source.read(0, source.size));
      } finally {
        await source.close();
      }
    },
    async set(text) {
      await makeFolder(dirname(path));
      await removeStaleParts(dirname(path));
      await writeFileAtomic(path, new TextEncoder().encode(text));
    },
  };
}

/** What `overtone tune` found on this adapter with this driver, Dawn and these kernels: `openHarmon` takes it as `choices`. None without it. */
export async function tunedChoices(device: Device, path = tuneFile()): Promise<Choices> {
  return existsSync(path) ? readTuned(fileStore(path), tunedFor(device)) : new Map();
}

/** Keeps choices for the same. @throws FileError when the file cannot be written. */
export async function keepTuned(device: Device, choices: Choices, path = tuneFile()): Promise<void> {
  await writeTuned(fileStore(path), tunedFor(device), choices);
}

const tunedFor = (device: Device) => ({
  device,
  runtime: `Dawn ${packageInfo().dependencies.webgpu}`,
  kernels: (kernels ??= kernelHash()),
});

let kernels: string | undefined;

/** Of the files that make the kernels' text, in the sources and in dist alike. */
function kernelHash(): string {
  const folder = fileURLToPath(new URL('../shaders/', import.meta.url));
  const hash = createHash('sha256').update(packageInfo().version);
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => /^\w+\.[jt]s$/.test(name)) : [];
  for (const name of names.sort()) hash.update(name).update(readFileSync(join(folder, name)));
  return hash.digest('hex').slice(0, 16);
}
