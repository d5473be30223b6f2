/** From a picture's record back to settings: all of them, all but the seed, or the seed alone; and what stands in the way of the same picture. */
import type { ModelIdentity, PictureRecord } from '../../../src/harmon/record.ts';
import type { Settings, SettledSettings } from './settings.ts';

export type RestoreMode = 'everything' | 'all-but-seed' | 'seed';

/** The settings of a record; a grid of pictures counts as many. */
export function settingsOfRecord(record: PictureRecord): SettledSettings {
  const { imageSize, gridSize, prompt, seed, iterations, guidance, guidanceSchedule, guidancePrompt } = record;
  const round = (side: number) => Math.max(16, Math.round(side / 16) * 16);
  return {
    prompt,
    seed,
    width: round(imageSize[0]),
    height: round(imageSize[1]),
    iterations,
    guidance,
    guidanceSchedule,
    guidancePrompt,
    temperature: record.temperature,
    timesteps: record.timesteps,
    count: Math.min(16, gridSize ** 2),
  };
}

export function restored(current: Settings, record: PictureRecord, mode: RestoreMode): Settings {
  const settings = settingsOfRecord(record);
  if (mode === 'everything') return settings;
  return mode === 'seed' ? { ...current, seed: settings.seed } : { ...settings, seed: undefined };
}

/** Why the same settings would not give the same picture, one sentence each. */
export function differences(record: PictureRecord, model: ModelIdentity, adapter: string): string[] {
  const found: string[] = [];
  if (record.model.hash !== model.hash || record.model.weights !== model.weights)
    found.push(
      `It was made with ${nameOf(record.model)}, and ${nameOf(model)} is open: the new picture will be another one.`,
    );
  else if (record.adapter !== adapter) found.push('It was made on another adapter: the last bits may differ.');
  if (record.edit) found.push('It is an edit of another picture, which it does not hold: edit that one again.');
  if (record.sweep) found.push('It is a sheet of several pictures: these are the settings they share.');
  return found;
}

const nameOf = ({ name, hash, weights }: ModelIdentity): string => `${name} (${weights}, ${hash.slice(0, 8)})`;

/** The record of a picture made with these settings. */
export function recordOf(
  settings: SettledSettings,
  model: ModelIdentity,
  adapter: string,
  more: Pick<PictureRecord, 'edit' | 'sweep'> & { readonly imageSize?: readonly [number, number] } = {},
): PictureRecord {
  const { width, height, count: _, ...making } = settings;
  return { imageSize: [width, height], ...making, gridSize: 1, ...more, model, adapter };
}
