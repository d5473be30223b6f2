/** Where the recordings and the embedded model stand, and how the tests of the host side read them. */
import { readFileSync } from 'node:fs';
import { parseConfig } from '../../src/harmon/config.ts';
import { createTokenizer } from '../../src/harmon/tokenizer.ts';
import { type Recorded, parseSafetensors } from './safetensors.ts';

const root = new URL('../../', import.meta.url);

export const goldenPath = (name: string): URL => new URL(`tests/golden/data/${name}`, root);
export const modelPath = (name: string): URL => new URL(`models/harmon-tiny/${name}`, root);
export const readJson = (path: URL): unknown => JSON.parse(readFileSync(path, 'utf8'));
export const readBytes = (path: URL): Uint8Array => new Uint8Array(readFileSync(path));

export const readSafetensors = (path: URL | string): Map<string, Recorded> =>
  parseSafetensors(new Uint8Array(readFileSync(path)));

export const tinyConfig = () => parseConfig(readJson(modelPath('config.json')));
export const tinyTokenizer = () => createTokenizer(readJson(modelPath('tokenizer.json')));
