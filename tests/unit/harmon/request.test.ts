/** Requests as callers without types write them: each mistake is one sentence that says what was given. */
import { describe, expect, it } from 'vitest';
import { ArgumentError } from '../../../src/engine/index.ts';
import { type GenerateOptions, generateJob } from '../../../src/harmon/request.ts';
import { tinyConfig } from '../../support/golden.ts';

const config = tinyConfig();
const picture = { width: 32, height: 32, data: new Uint8Array(32 * 32 * 3) };
const ask = (options: object) => () => generateJob({ prompt: 'a dog', ...options } as GenerateOptions, config);

describe('options that there are not', () => {
  it.each([
    [{ promt: 'a cat' }, '[generate] an option must have a name that is known but is "promt": did you mean prompt?'],
    [{ Seed: 1 }, 'is "Seed": did you mean seed?'],
    [{ image_size: 64 }, 'is "image_size": did you mean imageSize?'],
    [{ iteratoins: 4 }, 'did you mean iterations?'],
    [{ cfg: 4 }, 'is "cfg": there are prompt, count, imageSize, edit, iterations, guidance,'],
    [{ __proto__: null, constructor: 1 }, 'is "constructor": there are prompt'],
    [{ ['x'.repeat(5000)]: 1 }, `is "${'x'.repeat(59)}…: there are prompt`],
    [
      { edit: { picture, masks: 1 } },
      '[edit] an option must have a name that is known but is "masks": did you mean mask?',
    ],
  ])('%j', (options, sentence) => {
    expect(ask(options)).toThrow(ArgumentError);
    expect(ask(options)).toThrow(sentence);
  });

  it('may be there without a value', () => expect(ask({ promt: undefined, seed: undefined })).not.toThrow());
});

describe('values of another kind', () => {
  it.each([
    [{ iterations: '3' }, 'from 1 to 64, the number of tokens to make, but is the text "3"'],
    [{ iterations: [3] }, 'but is [3]'],
    [{ count: '2' }, '[generate] count must be a whole number from 1 to 4096 but is the text "2"'],
    [{ guidance: '3' }, '[generate] guidance must be a number from -1000 to 1000 but is the text "3"'],
    [{ timesteps: '10' }, '[timesteps] must be a whole number from 2 to 1000 but is the text "10"'],
    [{ seed: '7' }, '[seed] must be a whole number from 0 to 2^53 − 1 but is the text "7"'],
    [{ seed: 7n }, 'but is 7'],
    [{ imageSize: '128' }, '[image size] must be a multiple of 16 from 16 to 4096 pixels but is the text "128"'],
    [{ guidanceSchedule: 'cosine' }, "must be 'constant' or 'linear' but is the text \"cosine\""],
    [{ edit: { picture, variation: '.5' } }, 'variation must be a share above 0 up to 1 but is the text ".5"'],
  ])('%o', (options, sentence) => {
    expect(ask(options)).toThrow(ArgumentError);
    expect(ask(options)).toThrow(sentence);
  });
});
