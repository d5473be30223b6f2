/** `openHarmon` of the library: what it opens it gives back. */
import { readdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { openDevice, openHarmon } from '../../node/index.ts';
import { AbortError, FileError } from '../../src/engine/index.ts';
import type { Harmon } from '../../src/harmon/index.ts';

const weightFiles = () => (process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0);

const use = (model: Harmon) => model.generate({ prompt: 'a dog', seed: 1, imageSize: 32, iterations: 1, timesteps: 2 });

it('opens, works and gives everything back, device included', async () => {
  const model = await openHarmon();
  const [picture] = await use(model);
  expect([picture.width, picture.height]).toEqual([32, 32]);
  model.destroy();
  expect(model.device.totalBytes).toBe(0);
  await expect(use(model)).rejects.toThrow(/open/);
});

it('leaves a shared device to its owner, and another model on it alive', async () => {
  const device = await openDevice();
  const before = [device.totalBytes, weightFiles()];
  const [first, second] = [await openHarmon({ device }), await openHarmon({ device })];
  const [picture] = await use(first);
  first.destroy();
  first.destroy();
  expect((await use(second))[0].data).toEqual(picture.data);
  second.destroy();
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect([device.totalBytes, weightFiles()]).toEqual(before);
  device.destroy();
});

it('leaves nothing open after a failure or an abort', async () => {
  const device = await openDevice();
  const before = [device.totalBytes, weightFiles()];
  await expect(openHarmon({ device, config: '0.5b' })).rejects.toThrow(FileError);
  await expect(openHarmon({ device, signal: AbortSignal.abort() })).rejects.toThrow(AbortError);
  expect([device.totalBytes, weightFiles()]).toEqual(before);
  device.destroy();
});
