/** The embedded model for a whole recording, and recordings from a folder: NAME.json and NAME.safetensors. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openDevice } from '../../node/device.ts';
import { decodePicture } from '../../node/pictures.ts';
import type { Device } from '../../src/engine/index.ts';
import { checkHarmon } from '../../src/harmon/declared.ts';
import type { Runtime } from '../../src/harmon/runtime.ts';
import { readSafetensors, tinyConfig } from './golden.ts';
import type { Ask, Recording } from './recordings.ts';
import { tinyFile, tinyRuntime } from './tiny_model.ts';

export async function openTiny(): Promise<{ runtime: Runtime; device: Device; close(): Promise<void> }> {
  const device = await openDevice();
  const tiny = await tinyFile();
  checkHarmon(tiny.file, tinyConfig());
  const runtime = tinyRuntime(device, tiny.file);
  const close = async () => {
    runtime.weights.destroy();
    device.destroy();
    await tiny.close();
  };
  return { runtime, device, close };
}

/** Reads a recording. Its pictures lie in the folder, in pictures/, or in pictures/ beside it. */
export function readRecording(folder: string, name: string): Recording {
  const ask = JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')) as Ask;
  const picture = async (file: string) => {
    const path = [folder, join(folder, 'pictures'), join(folder, '..', 'pictures')]
      .map((f) => join(f, file))
      .find(existsSync);
    if (!path) throw new Error(`${file} must lie in ${folder} or in pictures/ beside it`);
    return decodePicture(new Uint8Array(readFileSync(path)), file, { asReference: true });
  };
  return { name, ask, tensors: readSafetensors(join(folder, `${name}.safetensors`)), picture };
}
