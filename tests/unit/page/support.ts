/** Settings and entries for the tests of the page. */
import { record } from '../../support/record.ts';
import type { Entry } from '../../../web/app/logic/history.ts';
import { type SettledSettings, defaultSettings } from '../../../web/app/logic/settings.ts';

export const base = defaultSettings({
  unconditionalPrompt: 'Generate an image.',
  mar: { nativeImageSize: 128 },
  diffusion: { timesteps: 50 },
});

export const settings = (changes: Partial<SettledSettings> = {}): SettledSettings => ({
  ...base,
  prompt: 'a dog',
  seed: 7,
  ...changes,
});

export const entry = (id: string, changes: Partial<Entry> = {}): Entry => ({
  id,
  created: 1000,
  width: 128,
  height: 128,
  record: record({ imageSize: [128, 128] }),
  ...changes,
});
