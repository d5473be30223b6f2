/** Compares a model with a recording, tensor by tensor, in Node or in a page. */
import { decodeGraph, seeGraph } from '../../src/harmon/graphs.ts';
import { Image2Text } from '../../src/harmon/image2text.ts';
import { type Picture, prepare } from '../../src/harmon/image.ts';
import { recorded } from '../../src/harmon/random.ts';
import { type Runtime, compileFor, gridOf, openSessions } from '../../src/harmon/runtime.ts';
import { maskedLoop } from '../../src/harmon/schedule.ts';
import { Text2Image } from '../../src/harmon/text2image.ts';
import { relativeError } from './run_case.ts';
import { type Recorded, numbersOf } from './safetensors.ts';

/** One compared tensor. `error` is ‖ours − ref‖ / ‖ref‖; for ids 0 when equal, infinite otherwise; for the picture `psnr` in dB. */
export interface Comparison {
  readonly name: string;
  readonly error: number;
  readonly psnr?: number;
}

/** What was asked (NAME.json) and what came out (NAME.safetensors). */
export interface Recording {
  readonly name: string;
  readonly ask: Ask;
  readonly tensors: ReadonlyMap<string, Recorded>;
  /** Finds a picture that was given, read as the reference reads it. */
  picture(name: string): Promise<Picture>;
}

export function compareRecording(runtime: Runtime, recording: Recording): Promise<Comparison[]> {
  const { name } = recording;
  if (name.startsWith('vae')) return compareVae(runtime, recording);
  return /^(text2image|edit)/.test(name)
    ? compareText2Image(runtime, recording)
    : compareImage2Text(runtime, recording);
}

export interface Ask {
  readonly image: string;
  readonly image_size: number;
  readonly prefix_ids: number[];
  readonly suffix_ids: number[];
  readonly iterations: number;
  readonly guidance: number;
  readonly schedule: 'constant' | 'linear';
  readonly temperature?: number;
  readonly timesteps: number;
}

function compare(name: string, ours: ArrayLike<number>, reference: Recorded): Comparison {
  return { name, error: relativeError(ours, numbersOf(reference)) };
}

/** (b, C, H, W) → (b, H, W, C). */
export function toNhwc(x: Recorded): Float64Array {
  const [b, C, H, W] = x.shape;
  const values = numbersOf(x);
  const out = new Float64Array(values.length);
  for (let p = 0; p < b; p++)
    for (let c = 0; c < C; c++)
      for (let i = 0; i < H * W; i++) out[(p * H * W + i) * C + c] = values[(p * C + c) * H * W + i];
  return out;
}

async function compareVae(runtime: Runtime, { tensors }: Recording): Promise<Comparison[]> {
  const [, , height, width] = tensors.get('pixels')!.shape;
  const grid = gridOf(runtime.config, width, height);
  const see = compileFor(runtime, seeGraph(runtime.config, grid), ['moments']);
  const decode = compileFor(runtime, decodeGraph(runtime.config, grid, 1));
  const set = await openSessions(runtime, { see, decode });
  const { device } = runtime;
  try {
    const stream = device.stream('vae');
    for (const index of ['encoder_index', 'encoder_position', 'to_language'])
      stream.write(set.buffer(index), new Uint32Array(grid[0] * grid[1] + runtime.config.mar.bufferTokens));
    stream.write(set.buffer('pixels'), Float32Array.from(toNhwc(tensors.get('pixels')!)));
    await set.get('see').encode(stream);
    const latent = toNhwc(tensors.get('latent')!);
    stream.write(
      set.buffer('tokens'),
      Float32Array.from(latent, (v) => v * runtime.config.vae.latentScale),
    );
    await set.get('decode').encode(stream, { picture: 0 });
    await stream.finish();
    const moments = await set.get('see').read('moments');
    const channels = tensors.get('latent')!.shape[1];
    const mean = latent.map((_, i) => moments[Math.floor(i / channels) * 2 * channels + (i % channels)]);
    const image = await set.get('decode').read('image');
    return [
      { name: 'latent', error: relativeError(mean, latent) },
      { name: 'image', error: relativeError(image, toNhwc(tensors.get('image')!)) },
    ];
  } finally {
    set.destroy();
  }
}

/** Of a recording of tokens alone. */
const NO_IMAGE: Recorded = { shape: [0, 0, 0, 0], data: new Float32Array(0) };

/** Of an edit, `latents` are given and the order has the tokens that are made only. */
async function compareText2Image(runtime: Runtime, { ask, tensors, picture }: Recording): Promise<Comparison[]> {
  const order = tensors.get('order')!;
  const [pictures, made] = order.shape;
  const orders = Array.from({ length: pictures }, (_, p) =>
    Uint32Array.from(numbersOf(order).slice(p * made, (p + 1) * made)),
  );
  const ids = tensors.get('input_ids')!;
  const [rows, length] = ids.shape;
  const mask = numbersOf(tensors.get('attention_mask'));
  const lengths = Array.from({ length: rows }, (_, r) =>
    mask.slice(r * length, (r + 1) * length).reduce((a, b) => a + b, 0),
  );
  const iterations = maskedLoop(made, ask.iterations, ask.guidance, ask.schedule);
  const grid = gridOf(runtime.config, ask.image_size, ask.image_size);
  const isEdit = tensors.has('latents');
  const shape = {
    grid,
    encoder: isEdit ? grid : undefined,
    pictures,
    branches: (rows / pictures) as 1 | 2,
    text: length,
    timesteps: ask.timesteps,
    predicted: grid[0] * grid[1], // room for `replay`
  };
  const kept = ['x_enc', 'x_dec_in', 'cond'];
  const model = await Text2Image.open(runtime, shape, { keep: kept });
  try {
    const results: Comparison[] = [];
    const given = isEdit ? await model.encode(await picture(ask.image)) : undefined;
    if (given) results.push(compare('latents', given, tensors.get('latents')!));
    const noise = iterations.map((_, k) => Float32Array.from(numbersOf(tensors.get(`noise.${k}`))));
    await model.run({
      prompts: { ids: Uint32Array.from(numbersOf(ids)), rows, length, lengths },
      iterations,
      temperature: ask.temperature ?? 1,
      orders,
      given,
      randomness: recorded({ order: orders, noise }),
      onIteration: async (k, settle) => {
        if (!tensors.has(`cond.${k}`)) return;
        await settle();
        await model.replay(orders, iterations[k]);
        for (const name of kept.filter((name) => tensors.has(`${name}.${k}`))) {
          let ours: Float32Array<ArrayBuffer> = await model.read(name);
          // the encoder runs once for both branches, the recording holds it for each
          if (name === 'x_enc' && shape.branches === 2) ours = Float32Array.from([...ours, ...ours]);
          results.push(compare(`${name}.${k}`, ours, tensors.get(`${name}.${k}`)!));
        }
      },
    });
    results.push(compare('tokens', await model.readTokens(), tensors.get('tokens')!));
    const image = toNhwc(tensors.get('image') ?? NO_IMAGE);
    const size = image.length / pictures;
    for (let p = 0; p < pictures && size > 0; p++) {
      const ours = await model.decodeRaw(p);
      const reference = image.subarray(p * size, (p + 1) * size);
      results.push({ name: `image[${p}]`, error: relativeError(ours, reference), psnr: psnr(ours, reference) });
    }
    return results;
  } finally {
    model.destroy();
  }
}

/** Peak signal to noise of pixels in −1 … 1, dB. */
function psnr(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < b.length; i++) sum += (a[i] - b[i]) ** 2;
  return 10 * Math.log10(4 / (sum / b.length));
}

async function compareImage2Text(runtime: Runtime, { ask, tensors, picture }: Recording): Promise<Comparison[]> {
  const { config } = runtime;
  const grid = gridOf(config, ask.image_size, ask.image_size);
  const expected = numbersOf(tensors.get('output_ids'));
  const prompt = ask.prefix_ids.length + ask.suffix_ids.length + grid[0] * grid[1] + config.mar.bufferTokens;
  const model = await Image2Text.open(
    runtime,
    { grid, prompt, cache: prompt + expected.length },
    { keep: { see: ['moments', 'latents', 'x_enc'], prefill: ['logits'], decode_step: ['logits'] } },
  );
  try {
    await model.see(prepare(await picture(ask.image), ask.image_size));
    const results: Comparison[] = [];
    for (const name of ['moments', 'latents', 'x_enc', 'z_enc']) {
      const reference = tensors.get(name);
      if (!reference) continue;
      const values = name === 'moments' ? { ...reference, data: toNhwc(reference) } : reference;
      results.push(compare(name, await model.read('see', name), values));
    }
    const ids: number[] = [];
    for await (const id of model.answer({ prefix: ask.prefix_ids, suffix: ask.suffix_ids }, expected.length, {
      together: 1,
    })) {
      const logits = tensors.get(`logits.${ids.length}`);
      if (logits)
        results.push(
          compare(`logits.${ids.length}`, await model.read(ids.length ? 'decode_step' : 'prefill', 'logits'), logits),
        );
      ids.push(id);
    }
    return [...results, { name: 'output_ids', error: ids.join() === expected.join() ? 0 : Infinity }];
  } finally {
    model.destroy();
  }
}
