/** A record of a picture, for tests. */
import type { PictureRecord } from '../../src/harmon/record.ts';

export const record = (changes: Partial<PictureRecord> = {}): PictureRecord => ({
  prompt: 'a dog',
  seed: 7,
  imageSize: [128, 64],
  gridSize: 1,
  iterations: 16,
  guidance: 3,
  guidanceSchedule: 'constant',
  guidancePrompt: 'Generate an image.',
  temperature: 0.8,
  timesteps: 50,
  model: { name: 'harmon-tiny', hash: '0123456789abcdef'.repeat(4), weights: 'f32' },
  adapter: 'llvmpipe',
  ...changes,
});
