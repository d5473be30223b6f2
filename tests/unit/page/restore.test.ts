/** Records back to settings, and what stands in the way. */
import { describe, expect, it } from 'vitest';
import { differences, recordOf, restored, settingsOfRecord } from '../../../web/app/logic/restore.ts';
import { parseRecord, recordJson } from '../../../src/harmon/record.ts';
import { record } from '../../support/record.ts';
import { settings } from './support.ts';

const made = record({ gridSize: 2, temperature: 0.9 });

describe('restoring', () => {
  const now = settings({ prompt: 'mine', seed: 1, guidance: 9 });

  it('brings everything', () => {
    const all = restored(now, made, 'everything');
    expect(all).toMatchObject({
      prompt: 'a dog',
      seed: 7,
      width: 128,
      height: 64,
      count: 4,
      temperature: 0.9,
      guidance: 3,
    });
  });

  it('brings everything but the seed', () => {
    expect(restored(now, made, 'all-but-seed')).toEqual({ ...settingsOfRecord(made), seed: undefined });
  });

  it('brings the seed alone', () => {
    expect(restored(now, made, 'seed')).toEqual({ ...now, seed: 7 });
  });

  it('rounds the odd size of an edit', () => {
    const { width, height } = settingsOfRecord(record({ imageSize: [333, 5], edit: {} }));
    expect([width, height]).toEqual([336, 16]);
  });
});

it('warns of another model, another adapter, an edit and a sheet', () => {
  const { model, adapter } = made;
  expect(differences(made, model, adapter)).toEqual([]);
  expect(differences(made, model, 'other')).toEqual([expect.stringContaining('another adapter')]);
  expect(differences(made, { ...model, hash: 'f'.repeat(64) }, adapter)[0]).toContain('another one');
  expect(differences(made, { ...model, weights: 'q8' }, adapter)[0]).toContain('q8');
  expect(differences(record({ edit: {} }), model, adapter)).toEqual([
    expect.stringContaining('edit of another picture'),
  ]);
  expect(differences(record({ sweep: ['cfg=1,2'] }), model, adapter)).toEqual([expect.stringContaining('sheet')]);
});

it('a record of settings leads back to them, through a file', () => {
  const whole = settings({ width: 256, guidanceSchedule: 'linear', temperature: 0.7 });
  const kept = recordOf(whole, made.model, 'adapter');
  expect(settingsOfRecord(parseRecord(recordJson(kept), 'x.png'))).toEqual(whole);
});
