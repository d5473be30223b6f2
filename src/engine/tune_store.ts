/**
 * What tuners have found, kept between processes as one text: choices by adapter, driver, runtime and kernels. The text may come from anyone: what
 * is not as it should be counts as nothing, and a name that is no variant is never used.
 */
import type { Choices } from './choice.ts';
import type { Device } from './device.ts';

/** Where the text is kept: a file, or the storage of a page. */
export interface TuneStore {
  /** The text; undefined where there is none yet or none can be read. */
  get(): Promise<string | undefined>;
  set(text: string): Promise<void>;
}

/** What choices hold for, beside the adapter and its driver. */
export interface TunedFor {
  readonly device: Pick<Device, 'adapter'>;
  /** The implementation of WebGPU with its version: Dawn's, or the browser's. */
  readonly runtime: string;
  /** Whatever changes with the text of the kernels, such as a hash of it or of the build. */
  readonly kernels: string;
}

/** Longest text that is read; choices of one setting, settings of one text, and characters of a name. */
const MOST_TEXT = 1 << 20;
const MOST_CHOICES = 2048;
const MOST_SETTINGS = 16;
const MOST_CHARACTERS = 400;

interface Setting {
  readonly of: string;
  readonly choices: Choices;
}

/** The choices that were kept for this device, runtime and kernels; none where the store fails. */
export async function readTuned(store: TuneStore, tunedFor: TunedFor): Promise<Choices> {
  const text = await store.get().catch(() => undefined);
  const of = settingName(tunedFor);
  return parse(text).find((setting) => setting.of === of)?.choices ?? new Map();
}

/** Keeps `choices` in place of those kept for the same before, and those of the other settings that were written last. @throws what the store throws. */
export async function writeTuned(store: TuneStore, tunedFor: TunedFor, choices: Choices): Promise<void> {
  const of = settingName(tunedFor);
  const others = parse(await store.get().catch(() => undefined)).filter((setting) => setting.of !== of);
  const settings = [{ of, choices }, ...others].slice(0, MOST_SETTINGS);
  const text = (count: number) =>
    `${JSON.stringify({
      version: 1,
      settings: settings.slice(0, count).map((s) => ({ of: s.of, choices: Object.fromEntries(s.choices) })),
    })}\n`;
  let count = settings.length;
  while (count > 1 && text(count).length > MOST_TEXT) count--;
  await store.set(text(count));
}

function settingName({ device: { adapter }, runtime, kernels }: TunedFor): string {
  const { vendor, architecture, device, driver } = adapter;
  return [vendor, architecture, device, driver, runtime, kernels].join(' | ').slice(0, MOST_CHARACTERS);
}

/** The settings of a text; none of one that is longer or otherwise than what `writeTuned` writes. */
function parse(text: string | undefined): Setting[] {
  if (text === undefined || text.length > MOST_TEXT) return [];
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return [];
  }
  if (!isObject(json) || json.version !== 1 || !Array.isArray(json.settings)) return [];
  return (json.settings as unknown[]).slice(0, MOST_SETTINGS).flatMap((setting): Setting[] => {
    if (!isObject(setting) || !isName(setting.of) || !isObject(setting.choices)) return [];
    const choices = Object.entries(setting.choices).slice(0, MOST_CHOICES);
    const valid = choices.filter((e): e is [string, string] => isName(e[0]) && isName(e[1]));
    return [{ of: setting.of, choices: new Map(valid) }];
  });
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isName = (value: unknown): value is string => typeof value === 'string' && value.length <= MOST_CHARACTERS;
