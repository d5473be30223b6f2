/** Every file of tests/corpus/pictures reads as its expected.json says (SHA-256 of the RGB bytes that Pillow decodes), or is refused in these words. */
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decodePicture } from '../../../node/pictures.ts';
import { FileError } from '../../../src/engine/index.ts';
import { workWatch } from '../../support/cpu_time.ts';
import { readBytes, readJson } from '../../support/golden.ts';

interface Expected {
  readonly outcome: 'reads' | 'refused';
  readonly size?: readonly [number, number];
  readonly rgb_sha256?: string;
  readonly error_names?: readonly string[];
}

const corpus = new URL('../../corpus/pictures/', import.meta.url);
const expected = Object.entries(readJson(new URL('expected.json', corpus)) as Record<string, Expected>);

describe('files from the wild', () => {
  it('are all the files of the folder', () => {
    const files = readdirSync(corpus).filter((name) => name !== 'expected.json');
    expect(files.sort()).toEqual(expected.map(([name]) => name).sort());
  });

  it.each(expected.filter(([, { outcome }]) => outcome === 'reads'))('%s reads', async (name, { size, rgb_sha256 }) => {
    const work = workWatch();
    const { width, height, data } = await decodePicture(readBytes(new URL(name, corpus)), name);
    expect([width, height]).toEqual(size);
    expect(data.length).toBe(width * height * 3);
    if (rgb_sha256) expect(createHash('sha256').update(data).digest('hex')).toBe(rgb_sha256);
    expect(work()).toBeLessThan(20_000);
  });

  it.each(expected.filter(([, { outcome }]) => outcome === 'refused'))(
    '%s is refused',
    async (name, { error_names }) => {
      const work = workWatch();
      const error: unknown = await decodePicture(readBytes(new URL(name, corpus)), name).catch((e: unknown) => e);
      expect(error).toBeInstanceOf(FileError);
      for (const word of error_names ?? []) expect((error as Error).message).toContain(word);
      expect((error as Error).message.length).toBeLessThan(200);
      expect(work()).toBeLessThan(250);
    },
  );

  it('take less than a gigabyte', () => expect(process.resourceUsage().maxRSS).toBeLessThan(1e6)); // in kilobytes
});
