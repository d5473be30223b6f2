/** Converting to another form: what is on the device afterwards, to the bit, and what is refused. */
import { mkdtemp, readFile, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { convertModel } from '../../../node/convert.ts';
import { type ModelFiles, openModelFiles } from '../../../node/model.ts';
import {
  ArgumentError,
  DEFAULT_LIMITS,
  FileError,
  type Quantised,
  type TensorFile,
  bf16ToNumber,
  numberToBf16,
  numberToF16,
  toFloat32,
} from '../../../src/engine/index.ts';
import { toForm } from '../../../src/engine/weights.ts';
import { rowBytes } from '../../../src/engine/op.ts';
import { castWeights } from '../../../src/harmon/cast_weights.ts';
import { Harmon } from '../../../src/harmon/index.ts';
import { parseManifest } from '../../../src/harmon/manifest.ts';
import { generateJob } from '../../../src/harmon/request.ts';
import { text2imagePlans, text2imageShape } from '../../../src/harmon/text2image.ts';
import { weightSource } from '../../../src/harmon/weight_source.ts';

let files: ModelFiles;
let folder: string;
beforeAll(async () => {
  files = await openModelFiles({});
});
afterAll(() => files.close());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'overtone-forms-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** The matrices that kernels with subgroups of `lanes` read, as they are stored on the device. */
async function onDevice(weights: TensorFile, quantise: Quantised, lanes: number): Promise<Map<string, Uint8Array>> {
  const { config } = files;
  const source = weightSource(weights);
  const device = { planLimits: { ...DEFAULT_LIMITS, subgroupSize: lanes } };
  const shape = text2imageShape(generateJob({ prompt: '', seed: 0 }, config), 1, 64);
  const { plans } = text2imagePlans({ config, source, quantise, device }, shape);
  const stored = new Map<string, Uint8Array>();
  for (const operand of Object.values(plans).flatMap((plan) => plan.weights))
    for (const one of operand.joined) {
      if (one.shape.length !== 2 || stored.has(`${operand.key} ${one.name}`)) continue;
      const own = { ...operand, ...one, joined: [one] };
      const bytes = await source.read(one.name, 0, one.shape[0]);
      stored.set(`${operand.key} ${one.name}`, toForm(own, one.shape[0], bytes, source.dtype(one.name)));
      expect(rowBytes(own)).toBeGreaterThan(0);
    }
  return stored;
}

describe.each(['q8', 'q4'] as const)('%s', (to) => {
  it('is on the device what quantising while loading makes, in shards', async () => {
    const made = await convertModel(files, folder, { to, shardBytes: 4e6 });
    expect(made.model.weights).toBe(to);
    const shards = (await readdir(folder)).filter((name) => name.endsWith('.safetensors'));
    expect(shards.length).toBeGreaterThan(2);
    for (const name of shards) expect((await stat(join(folder, name))).size).toBeLessThan(4e6);
    const opened = await openModelFiles({ model: folder });
    expect(opened.quantise).toBe(to);
    const dtypes = [...opened.weights.tensors.values()].map(({ dtype }) => dtype);
    expect(dtypes.filter((dtype) => dtype === to.toUpperCase()).length).toBeGreaterThan(50);
    for (const lanes of [4, 8]) {
      const [was, is] = [await onDevice(files.weights, to, lanes), await onDevice(opened.weights, to, lanes)];
      expect([...is.keys()]).toEqual([...was.keys()]);
      for (const [key, bytes] of is) expect(Buffer.compare(bytes, was.get(key)!), key).toBe(0);
    }
    await expect(openModelFiles({ model: folder, quantise: to === 'q8' ? 'q4' : 'q8' })).rejects.toThrow(ArgumentError);
    await expect(convertModel(opened, join(folder, 'again'), { to: 'bf16' })).rejects.toThrow(/convert the original$/);
    await opened.close();

    const names = await readdir(folder);
    const manifest = parseManifest(JSON.parse(await readFile(join(folder, 'overtone.json'), 'utf8')), 'overtone.json');
    expect(manifest.model.weights).toBe(to);
    expect(manifest.files.map(({ name }) => name).sort()).toEqual(names.filter((n) => n !== 'overtone.json').sort());
    expect(made.files.every(({ kept }) => !kept)).toBe(true);
    if (to === 'q4') return;
    const again = await convertModel(files, folder, { to, shardBytes: 4e6 });
    expect(again.files.every(({ kept }) => kept)).toBe(true);
  });
});

describe.each(['f32', 'f16', 'bf16'] as const)('%s', (to) => {
  it('has the nearest values of each tensor', async () => {
    const cast = castWeights(files.weights, files.config, to);
    for (const name of ['mar.mask_token', 'vae.decoder.conv_in.weight', 'llm.model.layers.0.mlp.up_proj.weight']) {
      const was = toFloat32(await files.weights.read(name), files.weights.tensors.get(name)!.dtype);
      const { dtype } = cast.tensors.get(name)!;
      expect(dtype).toBe(to.toUpperCase());
      const bytes = await cast.read(name);
      if (to === 'f32') expect(toFloat32(bytes, 'F32')).toEqual(was);
      else {
        const round = to === 'f16' ? numberToF16 : numberToBf16;
        const bits = new Uint16Array(bytes.slice().buffer);
        expect(bits.every((value, i) => value === round(was[i]))).toBe(true);
      }
    }
  });
});

/** One tensor of the model with this value in it. */
const having = (value: number): TensorFile => ({
  ...files.weights,
  async read(name, options) {
    const bytes = (await files.weights.read(name, options)).slice();
    const { dtype } = files.weights.tensors.get(name)!;
    const values = { F32: new Float32Array([value]), BF16: new Uint16Array([numberToBf16(value)]) };
    if (name !== 'mar.decoder_embed.weight') return bytes;
    const odd = dtype === 'F32' ? values.F32 : dtype === 'BF16' ? values.BF16 : new Uint16Array([numberToF16(value)]);
    bytes.set(new Uint8Array(odd.buffer), bytes.length - odd.byteLength);
    return bytes;
  },
});

it.each([
  [NaN, undefined, /tensor mar\.decoder_embed\.weight must hold finite numbers but has NaN: download it again$/],
  [-Infinity, 'q8', /tensor mar\.decoder_embed\.weight must hold finite numbers but has -Infinity/],
  [NaN, 'bf16', /mar\.decoder_embed\.weight must hold finite numbers but has NaN/],
] as const)(
  'a value of %d is refused by its tensor and leaves nothing half-written (to %s)',
  async (value, to, why) => {
    const broken = { ...files, weights: having(value) };
    const converting = convertModel(broken, folder, { to, shardBytes: 4e6 });
    await expect(converting).rejects.toThrow(FileError);
    await expect(converting).rejects.toThrow(why);
    const names = await readdir(folder);
    expect(names.filter((name) => /\.part$|overtone\.json|index/.test(name))).toEqual([]);
  },
);

it('a value beyond 65504 is refused in f16', async () => {
  const cast = castWeights(having(70_144), files.config, 'f16');
  await expect(cast.read('mar.decoder_embed.weight')).rejects.toThrow(
    /mar\.decoder_embed\.weight must stay within 65504 to become f16 but has 70144: convert to bf16$/,
  );
  expect(bf16ToNumber(numberToBf16(70_144))).toBe(70_144);
});

it('a model that is quantised in its file takes no other form', () => {
  const cast = castWeights(files.weights, files.config, 'q4');
  const { config, tokenizer } = files;
  const open = () => Harmon.open({ device: undefined as never, config, tokenizer, weights: cast, quantise: 'q8' });
  expect(open).toThrow(/quantise must be q4, as the weights of .* are, but is q8/);
});
