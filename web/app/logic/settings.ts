/** What a person sets for a picture: the draft in the page, what a job in the queue carries, and the sizes to choose from. */
import type { GuidanceSchedule, HarmonConfig } from '../../../src/harmon/index.ts';

export interface Settings {
  readonly prompt: string;
  /** None takes another one each time. */
  readonly seed: number | undefined;
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  readonly iterations: number;
  readonly guidance: number;
  readonly guidanceSchedule: GuidanceSchedule;
  readonly guidancePrompt: string;
  readonly temperature: number;
  readonly timesteps: number;
  /** Pictures, of seeds that follow each other. */
  readonly count: number;
}

/** Settings whose seed is known: what is made of them is always the same. */
export type SettledSettings = Settings & { readonly seed: number };

/** Bounds of the numbers, least and most. */
export const BOUNDS = {
  seed: [0, Number.MAX_SAFE_INTEGER],
  iterations: [1, 4096],
  guidance: [-1000, 1000],
  temperature: [0, 100],
  timesteps: [2, 1000],
  count: [1, 16],
} as const;

export const LONGEST_PROMPT = 4000;
const STRIDE = 16;
const MOST_SIDE = 4096;

type SizedConfig = Pick<HarmonConfig, 'unconditionalPrompt'> & {
  readonly mar: Pick<HarmonConfig['mar'], 'nativeImageSize'>;
  readonly diffusion: Pick<HarmonConfig['diffusion'], 'timesteps'>;
};

/** What a model starts with: its own size, 16 iterations, guidance 3. */
export function defaultSettings(config: SizedConfig): Settings {
  const side = config.mar.nativeImageSize;
  return {
    prompt: '',
    seed: undefined,
    width: side,
    height: side,
    iterations: Math.min(16, tokensOf(side, side)),
    guidance: 3,
    guidanceSchedule: 'constant',
    guidancePrompt: config.unconditionalPrompt,
    temperature: 1,
    timesteps: config.diffusion.timesteps,
    count: 1,
  };
}

/** Squares of 16 pixels: no run has more iterations than these. */
export const tokensOf = (width: number, height: number): number => (width / STRIDE) * (height / STRIDE);

/** The next smaller work for a device without memory for this: half the pictures at once, then half the sides; nothing below one square. */
export function smallerThan({ count, width, height }: Settings): Partial<Settings> | undefined {
  if (count > 1) return { count: Math.ceil(count / 2) };
  const half = (side: number) => Math.max(STRIDE, Math.floor(side / 2 / STRIDE) * STRIDE);
  return width === STRIDE && height === STRIDE ? undefined : { width: half(width), height: half(height) };
}

/** Settings from anywhere (a link, a stored draft): what is not usable is `base`'s. */
export function settingsFrom(given: Readonly<Record<string, unknown>>, base: Settings): Settings {
  const text = (key: 'prompt' | 'guidancePrompt') => {
    const value = given[key];
    return typeof value === 'string' ? value.slice(0, LONGEST_PROMPT) : base[key];
  };
  const number = (key: 'guidance' | 'temperature') => {
    const [least, most] = BOUNDS[key];
    const value = given[key];
    return typeof value === 'number' && value >= least && value <= most ? value : base[key];
  };
  const whole = (key: 'iterations' | 'timesteps' | 'count', most: number = BOUNDS[key][1]) => {
    const value = given[key];
    return Number.isInteger(value) && (value as number) >= BOUNDS[key][0] ? Math.min(value as number, most) : base[key];
  };
  const [width, height] = [sideOf(given['width'], base.width), sideOf(given['height'], base.height)];
  const { seed, guidanceSchedule: schedule } = given;
  return {
    prompt: text('prompt'),
    seed: Number.isSafeInteger(seed) && (seed as number) >= 0 ? (seed as number) : undefined,
    width,
    height,
    iterations: Math.min(whole('iterations'), tokensOf(width, height)),
    guidance: number('guidance'),
    guidanceSchedule: schedule === 'linear' || schedule === 'constant' ? schedule : base.guidanceSchedule,
    guidancePrompt: text('guidancePrompt'),
    temperature: number('temperature'),
    timesteps: whole('timesteps'),
    count: whole('count'),
  };
}

function sideOf(value: unknown, otherwise: number): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) return otherwise;
  return Math.min(MOST_SIDE, Math.max(STRIDE, Math.round(value / STRIDE) * STRIDE));
}

/** With a seed: its own, or one drawn. */
export function settle(settings: Settings, draw: () => number): SettledSettings {
  return { ...settings, seed: settings.seed ?? draw() };
}

export interface SizePreset {
  readonly name: string;
  readonly width: number;
  readonly height: number;
}

/** Sizes of about the model's own area, in the usual aspects, and half and double of its side. */
export function sizePresets(side: number): SizePreset[] {
  const of = (name: string, across: number, down: number): SizePreset => {
    const scale = Math.sqrt((side * side) / (across * down));
    const [width, height] = [across, down].map((part) =>
      Math.max(STRIDE, Math.round((part * scale) / STRIDE) * STRIDE),
    );
    return { name, width, height };
  };
  return [
    of('Square', 1, 1),
    of('Landscape 4:3', 4, 3),
    of('Wide 16:9', 16, 9),
    of('Portrait 3:4', 3, 4),
    of('Tall 9:16', 9, 16),
    { name: 'Half', width: sideOf(side / 2, side), height: sideOf(side / 2, side) },
    { name: 'Double', width: sideOf(side * 2, side), height: sideOf(side * 2, side) },
  ];
}
