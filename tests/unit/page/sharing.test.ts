/** Links, command lines and code carry the same settings. */
import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromFragment, toCode, toCommandLine, toEditLine, toFragment } from '../../../web/app/logic/sharing.ts';
import { settingsFrom } from '../../../web/app/logic/settings.ts';
import { base, settings } from './support.ts';

describe('a link', () => {
  it('leads back to the settings', () => {
    fc.assert(
      fc.property(
        fc.record({
          prompt: fc.string({ unit: 'grapheme' }),
          seed: fc.option(fc.maxSafeNat(), { nil: undefined }),
          guidance: fc.double({ min: -1000, max: 1000, noNaN: true }).map((x) => x + 0),
          guidancePrompt: fc.string({ unit: 'grapheme' }),
          guidanceSchedule: fc.constantFrom('constant', 'linear'),
          width: fc.integer({ min: 1, max: 256 }).map((n) => 16 * n),
          count: fc.integer({ min: 1, max: 16 }),
        }),
        (given) => {
          const made = settingsFrom(given, base);
          expect(fromFragment(`#${toFragment(made, base)}`, base)).toEqual(made);
        },
      ),
    );
  });

  it('leaves out what is as always', () => {
    expect(toFragment(settings({ prompt: 'a dog & a cat', seed: 3 }), base)).toBe('prompt=a+dog+%26+a+cat&seed=3');
  });

  it('of no settings changes nothing', () => {
    for (const text of ['', '#', '#seed=3', '#section']) expect(fromFragment(text, base)).toBeUndefined();
  });

  it('with unusable values has the usual ones', () => {
    expect(fromFragment('#prompt=x&seed=-2&guidance=&iterations=1e99&width=abc&schedule=odd', base)).toEqual({
      ...base,
      prompt: 'x',
      iterations: 64,
    });
  });
});

it('a command line gives the shell the very words', () => {
  const prompt = `it's "a" $HOME \`dog\` \\ 狗`;
  const line = toCommandLine(settings({ prompt, width: 256, height: 128, count: 4 }));
  const printed = execFileSync('sh', ['-c', line.replace(/^overtone/, 'printf "%s\\n"')], { encoding: 'utf8' });
  const words = printed.split('\n');
  expect(words[words.indexOf('--prompt') + 1]).toBe(prompt);
  expect(words[words.indexOf('--image-size') + 1]).toBe('256x128');
  expect(words[words.indexOf('--grid-size') + 1]).toBe('2');
});

it('a command line of a sheet has its axes, and one of an edit needs its pictures', () => {
  const sheet = toCommandLine(settings({ prompt: 'x' }), ['cfg=1,3', 'seed=1,2']);
  expect(sheet).toContain(" --sweep 'cfg=1,3' --sweep 'seed=1,2' ");
  expect(sheet).not.toContain('--grid-size');
  expect(toEditLine("it's.png")).toContain(String.raw`overtone edit --from 'it'\''s.png' --image `);
});

it('code holds the words as a literal', () => {
  const code = toCode(settings({ prompt: 'a "dog"\n狗' }));
  expect(code).toContain('prompt: "a \\"dog\\"\\n狗",');
  expect(code).toContain('imageSize: [128,128],');
});
