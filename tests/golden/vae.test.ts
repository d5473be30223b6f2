/** The VAE alone against its recording, tighter than whole tasks are compared: a mean latent and a picture within 1e-5 relative. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDevice } from '../../node/device.ts';
import {
  type Device,
  Graph,
  type Plan,
  WeightStore,
  bytesSource,
  compile,
  createSession,
  openTensorFile,
  renameTensors,
  weightsOf,
} from '../../src/engine/index.ts';
import { vaeDecoder, vaeEncoder } from '../../src/harmon/vae.ts';
import { weightSource } from '../../src/harmon/weight_source.ts';
import { goldenPath, modelPath, readSafetensors, tinyConfig } from '../support/golden.ts';
import { relativeError } from '../support/run_case.ts';
import { type Recorded, numbersOf } from '../support/safetensors.ts';

const recording = readSafetensors(goldenPath('vae.safetensors'));
const { vae } = tinyConfig();
let device: Device;
beforeAll(async () => {
  device = await openDevice();
  device.poison = true;
});
afterAll(() => device.destroy());

const encoder = new Graph('vae_encoder');
const [height, width] = recording.get('pixels')!.shape.slice(2);
encoder.output('moments', vaeEncoder(encoder.input('pixels', [height, width, 3]), weightsOf(encoder, 'vae'), vae));

const decoder = new Graph('vae_decoder');
const [m, n] = recording.get('latent')!.shape.slice(2);
const latents = decoder.input('latents', [m, n, vae.latentChannels]);
decoder.output('image', vaeDecoder(latents, weightsOf(decoder, 'vae'), vae));

/** (1, C, H, W) → (H, W, C) */
function picture(x: Recorded): Float32Array<ArrayBuffer> {
  const [, C, H, W] = x.shape;
  const values = numbersOf(x);
  return Float32Array.from(values, (_, i) => values[(i % C) * H * W + Math.floor(i / C)]);
}

async function run(plan: Plan, input: string, values: Float32Array<ArrayBuffer>, output: string) {
  const file = await openTensorFile(bytesSource('kl16_tiny.ckpt', readFileSync(modelPath('kl16_tiny.ckpt'))));
  const weights = new WeightStore(device);
  try {
    await weights.load(plan.weights, weightSource(renameTensors(file, (name) => `vae.${name}`)));
    const session = await createSession(device, plan, { weights });
    try {
      const stream = device.stream(plan.name);
      stream.write(session.buffer(input), values);
      await session.encode(stream);
      await stream.finish();
      return await session.read(output);
    } finally {
      session.destroy();
    }
  } finally {
    weights.destroy();
  }
}

test('encoder: pixels to the mean of the latents', async () => {
  const moments = await run(compile(encoder), 'pixels', picture(recording.get('pixels')!), 'moments');
  const latent = picture(recording.get('latent')!);
  const C = vae.latentChannels;
  const mean = latent.map((_, i) => moments[Math.floor(i / C) * 2 * C + (i % C)]);
  expect(relativeError(mean, latent)).toBeLessThan(1e-5);
});

test('decoder: latents to the picture', async () => {
  const image = await run(compile(decoder), 'latents', picture(recording.get('latent')!), 'image');
  expect(relativeError(image, picture(recording.get('image')!))).toBeLessThan(1e-5);
});

test('intermediates share memory', () => {
  for (const graph of [encoder, decoder]) {
    // software adapters have every normalised picture made, where GPUs make none: the same memory holds more of them
    const { planned, naive } = compile(graph, { architecture: 'software' }).memory;
    expect(naive / planned).toBeGreaterThan(3);
    expect(compile(graph).memory.planned).toBeLessThanOrEqual(planned);
  }
});
