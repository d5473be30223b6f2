/** Lists of prompts as people have them, whole and broken. */
import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type Entry, parseBatchList, sidecarText } from '../../../node/cli/batch_list.ts';
import { FileError } from '../../../src/engine/index.ts';
import { readBytes } from '../../support/golden.ts';

const corpus = new URL('../../corpus/batch/', import.meta.url);
const parse = (text: string | Uint8Array) =>
  parseBatchList(typeof text === 'string' ? new TextEncoder().encode(text) : text, 'list.json');
const captions = (text: string | Uint8Array) => parse(text).map((entry) => ('caption' in entry ? entry.caption : null));
const problem = (text: string) => parse(text).map((entry) => ('problem' in entry ? entry.problem : null));

describe('the corpus', () => {
  const outcomes: Record<string, RegExp | string[]> = Object.fromEntries(
    ['good', 'bom', 'crlf', 'utf16le'].map((name) => [
      `${name}.json`,
      ['a dog.', 'a cat on the left and a fox on the right.', 'two pizzas.'],
    ]),
  );
  outcomes['latin1.json'] =
    /^list\.json: must be UTF-8 but byte 18 \(0xe4\) belongs to no UTF-8 text: save it as UTF-8$/;

  it.each(readdirSync(corpus))('%s', (name) => {
    const outcome = outcomes[name];
    const bytes = readBytes(new URL(name, corpus));
    if (outcome instanceof RegExp) expect(() => parse(bytes)).toThrow(outcome);
    else expect(captions(bytes)).toEqual(outcome);
  });
});

describe('a list', () => {
  it('may be one object a line', () => {
    expect(captions('{"prompt":"a"}\r\n\n  {"prompt": "b\\u2028"}\n')).toEqual(['a.', 'b.']);
    expect(captions('{"prompt":"a"}')).toEqual(['a.']);
    expect(problem('{"prompt":"a"}\n\n{"prompt":\n{"prompt":"c"}')).toEqual([
      null,
      expect.stringMatching(/^line 3 must be JSON but /),
      null,
    ]);
  });

  it('strips prompts as Python does', () =>
    expect(captions('[{"prompt": "\\u001c\\u0085\\u3000 a dog \\t\\u2003"}, {"prompt": "\\ufeffa dog"}]')).toEqual([
      'a dog.',
      '\ufeffa dog.',
    ]));

  it('keeps what is no entry, with the reason', () => {
    expect(
      problem('[{"prompt":" \\u3000"}, 5, null, [1], "a dog", {"prompt":7}, {}, {"prompt":null}, {"prompt":"a"}]'),
    ).toEqual([
      'its "prompt" must say something but is empty',
      'it must be an object with a "prompt" but is a number',
      'it must be an object with a "prompt" but is null',
      'it must be an object with a "prompt" but is a list',
      'it must be an object with a "prompt" but is a string',
      'its "prompt" must be a text but is a number',
      'its "prompt" must be a text but is missing',
      'its "prompt" must be a text but is null',
      null,
    ]);
  });

  it.each([
    ['', 'must be a list of prompts but is empty'],
    [' \n', 'must be a list of prompts but is empty'],
    ['[{"prompt": "a"},]', 'must be JSON, a list of'],
    ['[{"prompt": "a"}', 'must be JSON, a list of'],
  ])('of the text %j is refused', (text, sentence) => {
    expect(() => parse(text)).toThrow(FileError);
    expect(() => parse(text)).toThrow(sentence);
  });

  it('is refused in UTF-16 that does not say so, and wherever UTF-8 breaks', () => {
    expect(() => parse(new Uint8Array(Buffer.from('[{}]', 'utf16le')))).toThrow('seems to be UTF-16');
    for (const at of [0, 1, 70_000, 99_999]) {
      const bytes = new Uint8Array(100_000).fill(0x20);
      bytes[at] = 0xff;
      expect(() => parse(bytes)).toThrow(`byte ${at} (0xff)`);
    }
    expect(() => parse(Uint8Array.of(0x5b, 0xe4, 0xbd))).toThrow('byte 1 (0xe4)');
  });

  it('is read as UTF-16 of either order', () =>
    expect(captions(new Uint8Array(Buffer.from('\ufeff[{"prompt":"狗"}]', 'utf16le').swap16()))).toEqual(['狗.']));

  it('of many entries takes no longer than its length', () => {
    const began = performance.now();
    expect(parse(`[${'{"prompt":"a dog","x":[1,{"y":"]}\\""}]},'.repeat(50_000)}{"prompt":"b"}]`)).toHaveLength(50_001);
    expect(performance.now() - began).toBeLessThan(5000);
  });
});

describe('the JSON beside a picture', () => {
  const side = (text: string) => sidecarText(parse(text)[0] as Entry);

  it.each([
    ['[{"prompt":"a","id":12345678901234567890}]', '{"prompt":"a","id":12345678901234567890, "sample_id": 0}\n'],
    [
      '[{"n": 1.0, "e": 1E400, "prompt": "\\u00e9", "z": -0}]',
      '{"n": 1.0, "e": 1E400, "prompt": "\\u00e9", "z": -0, "sample_id": 0}\n',
    ],
    [
      '[{"prompt":"a","2":{"x":"},"},"1":[{}, "]"],"__proto__":1}]',
      '{"prompt":"a","2":{"x":"},"},"1":[{}, "]"],"__proto__":1, "sample_id": 0}\n',
    ],
    ['[{"sample_id": 9, "prompt":"a"}]', '{ "prompt":"a", "sample_id": 0}\n'],
    ['[\n {\n  "prompt": "a"\n }\n]', '{\n  "prompt": "a", "sample_id": 0}\n'],
  ])('of %s keeps it to the letter', (list, expected) => {
    expect(side(list)).toBe(expected);
    expect(JSON.parse(side(list))).toMatchObject({ sample_id: 0 });
  });
});
