/** A Harmon of a few narrow layers with formula-made weights: every part of the model, small enough to be run hundreds of times. */
import { Device, type DeviceHost, type TensorFile } from '../../src/engine/index.ts';
import type { HarmonConfig } from '../../src/harmon/config.ts';
import { declaredTensors } from '../../src/harmon/declared.ts';
import { Harmon } from '../../src/harmon/harmon.ts';
import { formulaFile, formulaPicture } from './formula.ts';
import { tinyConfig, tinyTokenizer } from './golden.ts';

const tiny = tinyConfig();
const tokenizer = tinyTokenizer();

/** Pictures of 32 × 32 pixels: four tokens. */
export const smallConfig: HarmonConfig = {
  ...tiny,
  name: 'small',
  language: { ...tiny.language, hiddenSize: 32, intermediateSize: 48, layers: 2, heads: 2, kvHeads: 1, headDim: 16 },
  mar: {
    ...tiny.mar,
    width: 32,
    mlpWidth: 64,
    encoderDepth: 1,
    encoderHeads: 2,
    decoderDepth: 1,
    decoderHeads: 2,
    bufferTokens: 3,
    nativeImageSize: 32,
  },
  diffusion: { width: 32, blocks: 1, timesteps: 3 },
  vae: { ...tiny.vae, baseChannels: 8, channelMultipliers: [1, 1, 1, 1, 2], resBlocks: 1, groups: 2 },
};

/** The checkpoint; each tensor is made when it is read. */
export const smallWeights = (): TensorFile => formulaFile(declaredTensors(smallConfig), 'small');

export interface SmallModel {
  readonly device: Device;
  readonly harmon: Harmon;
  /** Destroys the model, then the device. Throws if the model left anything on the device. */
  close(): void;
}

export const smallHarmon = (device: Device, weights = smallWeights()): Harmon =>
  Harmon.open({ device, config: smallConfig, tokenizer, weights });

/** Opens the small model on an engine device over `host`. */
export async function openSmall(host: DeviceHost, weights = smallWeights()): Promise<SmallModel> {
  const device = await Device.open(host);
  const harmon = smallHarmon(device, weights);
  const close = () => {
    harmon.destroy();
    const left = device.totalBytes - device.ownBytes;
    device.destroy();
    if (left !== 0) throw new Error(`a destroyed model must hold nothing but holds ${left} bytes`);
  };
  return { device, harmon, close };
}

/** Everything that one run of the small model gives. */
export interface Outcome {
  readonly pictures: readonly Uint8Array[];
  readonly ids: readonly number[];
  readonly text: string;
}

/** A piece of weights is loaded, an iteration is done, the pictures are there, a token is there. */
export type Step = 'load' | 'iteration' | 'pictures' | 'token';

export interface UseOptions {
  readonly signal?: AbortSignal;
  /** Called at every moment at which the model calls back. */
  readonly onStep?: (step: Step) => void;
}

/** Makes a picture with guidance in two iterations, and describes another in three tokens: all passes of the model. */
export async function useSmall(
  { harmon }: { readonly harmon: Pick<Harmon, 'generate' | 'describe'> },
  options: UseOptions = {},
): Promise<Outcome> {
  const { signal, onStep } = options;
  const onLoad = () => onStep?.('load');
  const make = { prompt: 'a dog', iterations: 2, timesteps: 3, seed: 7, signal, onLoad };
  const pictures = await harmon.generate({ ...make, onIteration: () => onStep?.('iteration') });
  onStep?.('pictures');
  const ids: number[] = [];
  let text = '';
  const onToken = (id: number) => {
    ids.push(id);
    onStep?.('token');
  };
  for await (const piece of harmon.describe(formulaPicture(32), { maxNewTokens: 3, onToken, signal, onLoad }))
    text += piece;
  return { pictures: pictures.map((p) => p.data), ids, text };
}

/** Names the first part in which two outcomes differ; nothing when all bits are equal. */
export function difference(a: Outcome, b: Outcome): string | undefined {
  if (a.pictures.length !== b.pictures.length) return `${a.pictures.length} pictures and ${b.pictures.length}`;
  const picture = a.pictures.findIndex((data, i) => Buffer.compare(data, b.pictures[i]) !== 0);
  if (picture >= 0) return `picture ${picture}`;
  if (a.ids.join() !== b.ids.join()) return `ids ${a.ids.join()} and ${b.ids.join()}`;
  return a.text === b.text ? undefined : `text ${JSON.stringify(a.text)} and ${JSON.stringify(b.text)}`;
}
