import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { recordingsIn } from '../support/recording_names.ts';

const folder = mkdtempSync(join(tmpdir(), 'recordings-'));
afterAll(() => rmSync(folder, { recursive: true }));
const put = (name: string) => writeFileSync(join(folder, name), '{}');

it('says which folder has no recordings and what it looks for', () => {
  put('prepare.safetensors');
  expect(() => recordingsIn(folder)).toThrow(
    `${folder} must hold recordings (vae|text2image*|image2text*|edit*.safetensors, each with its .json) but holds none: set OVERTONE_GOLDEN to a folder of them`,
  );
  const nowhere = join(folder, 'nowhere');
  expect(() => recordingsIn(nowhere)).toThrow(`${nowhere} must hold recordings`);
  expect(() => recordingsIn(nowhere)).toThrow('but does not exist');
});

it('lists those it can compare, and refuses one without its JSON', () => {
  for (const name of ['vae', 'text2image_2']) put(`${name}.safetensors`);
  put('vae.json');
  expect(() => recordingsIn(folder)).toThrow('but text2image_2.json is missing');
  put('text2image_2.json');
  expect(recordingsIn(folder)).toEqual(['text2image_2', 'vae']);
});
