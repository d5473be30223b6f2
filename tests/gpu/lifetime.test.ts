/** What a model takes on the device it gives back: every byte, every time. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { openDevice } from '../../node/device.ts';
import { type Device, OvertoneError } from '../../src/engine/index.ts';
import type { Harmon } from '../../src/harmon/harmon.ts';
import { plannedPicture } from '../../src/harmon/planned.ts';
import { formulaPicture } from '../support/formula.ts';
import { tinyConfig } from '../support/golden.ts';
import { tinyFile, tinyHarmon } from '../support/tiny_model.ts';

let device: Device;
let tiny: Awaited<ReturnType<typeof tinyFile>>;

beforeAll(async () => {
  tiny = await tinyFile();
  device = await openDevice();
});
afterAll(async () => {
  device.destroy();
  expect(device.totalBytes).toBe(0);
  await tiny.close();
});

const make = (harmon: Harmon, imageSize: number, iterations: number) =>
  harmon.generate({ prompt: 'a dog', imageSize, iterations, timesteps: 2, seed: 1 });

async function answer(harmon: Harmon): Promise<number> {
  let ids = 0;
  const options = { imageSize: 16, maxNewTokens: 1, onToken: () => ids++ };
  for await (const _ of harmon.describe(formulaPicture(32), options));
  return ids;
}

test('a model made and destroyed 20 times leaves the bytes as they were', async () => {
  const baseline = device.totalBytes;
  expect(baseline, 'what the device needs itself is all there is').toBe(device.ownBytes);
  const held: number[] = [];
  for (let i = 0; i < 20; i++) {
    const harmon = tinyHarmon(device, tiny.file);
    expect(await make(harmon, 16, 1)).toHaveLength(1);
    expect(await answer(harmon)).toBe(1);
    held.push(device.totalBytes);
    harmon.destroy();
    expect(device.totalBytes, `after model ${i}`).toBe(baseline);
  }
  expect(held[0]).toBeGreaterThan(baseline + 20e6);
  expect(new Set(held).size, 'each model takes the same').toBe(1);
}, 240_000);

test('a model keeps one copy of each weight, whatever its passes read it for', async () => {
  const harmon = tinyHarmon(device, tiny.file);
  try {
    await make(harmon, 32, 2);
    await answer(harmon);
    const stored = [...tiny.file.tensors.values()].reduce(
      (sum, { shape, dtype }) => sum + shape.reduce((a, b) => a * b, 1) * (dtype === 'BF16' ? 2 : 4),
      0,
    );
    expect(device.bytes.weights).toBeLessThan(stored * 1.02);
  } finally {
    harmon.destroy();
  }
});

test('a picture takes what was planned for it, to the byte', async () => {
  const harmon = tinyHarmon(device, tiny.file);
  try {
    await make(harmon, 32, 2);
    const { weights, state, activations } = device.bytes;
    const request = { imageSize: 32, iterations: 2, timesteps: 2, promptIds: 32 };
    const planned = plannedPicture(tinyConfig(), tiny.file, { ...request, limits: device.planLimits });
    expect(planned).toMatchObject({ weights, state, activations });
  } finally {
    harmon.destroy();
  }
});

test('a picture that no buffer holds is refused with the numbers, and nothing is allocated', async () => {
  const limits = vi.spyOn(device, 'planLimits', 'get');
  const harmon = tinyHarmon(device, tiny.file);
  const baseline = device.totalBytes;
  try {
    limits.mockReturnValue({ ...device.planLimits, maxBufferSize: 2 ** 20, maxStorageBufferBindingSize: 2 ** 20 });
    const refused = make(harmon, 512, 64);
    await expect(refused).rejects.toThrow(/\d{7,} bytes.* of this device holds 1048576: choose a smaller picture/);
    await expect(refused).rejects.toThrow(OvertoneError);
    await expect(refused).rejects.toMatchObject({ code: 'memory' });
    await expect(make(harmon, 4096, 64)).rejects.toThrow(/must fit 32768 positions but take 65\d\d\d/);
    expect(device.totalBytes).toBe(baseline);
    limits.mockRestore();
    expect(await make(harmon, 32, 1), 'and the model works').toHaveLength(1);
  } finally {
    harmon.destroy();
    limits.mockRestore();
  }
});

test('ten pictures from one model take the bytes of the first', async () => {
  const harmon = tinyHarmon(device, tiny.file);
  try {
    await make(harmon, 32, 1);
    const { totalBytes, bytes } = device;
    const first = { ...bytes };
    for (let i = 0; i < 9; i++) await make(harmon, 32, 1 + (i % 2));
    expect({ ...device.bytes }).toEqual(first);
    expect(device.totalBytes).toBe(totalBytes);
  } finally {
    harmon.destroy();
  }
  expect(device.totalBytes).toBe(device.ownBytes);
}, 120_000);
