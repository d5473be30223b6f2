/** Named presets: settings without words and seed, to be put on again. */
import { type Settings, settingsFrom } from './settings.ts';

export interface Preset {
  readonly name: string;
  readonly settings: Omit<Settings, 'prompt' | 'seed'>;
}

const LONGEST_NAME = 60;
const MOST = 50;

/** With these settings under `name`, in place of an older preset of that name. */
export function savePreset(presets: readonly Preset[], name: string, settings: Settings): Preset[] {
  const { prompt: _, seed: __, ...kept } = settings;
  const title = name.trim().slice(0, LONGEST_NAME);
  if (title === '') return [...presets];
  const others = presets.filter((preset) => preset.name !== title);
  return [...others, { name: title, settings: kept }].slice(-MOST);
}

export const removePreset = (presets: readonly Preset[], name: string): Preset[] =>
  presets.filter((preset) => preset.name !== name);

export const applyPreset = (current: Settings, { settings }: Preset): Settings => ({ ...current, ...settings });

/** Presets as they were stored; what cannot be read is left out. */
export function presetsFrom(stored: unknown, base: Settings): Preset[] {
  if (!Array.isArray(stored)) return [];
  return stored.slice(0, MOST).flatMap((item: unknown) => {
    const { name, settings } = (item ?? {}) as Record<string, unknown>;
    if (typeof name !== 'string' || typeof settings !== 'object' || settings === null) return [];
    const { prompt: _, seed: __, ...kept } = settingsFrom(settings as Record<string, unknown>, base);
    return [{ name: name.slice(0, LONGEST_NAME), settings: kept }];
  });
}
