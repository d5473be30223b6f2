/** Edits as they are asked for: laid out on a canvas of tokens, or refused in one sentence. */
import { describe, expect, it } from 'vitest';
import { ArgumentError } from '../../../src/engine/index.ts';
import { type EditOptions, canvasTokens, editOf, finishEdit } from '../../../src/harmon/edit.ts';
import { formulaPicture } from '../../support/formula.ts';
import { tinyConfig } from '../../support/golden.ts';

const config = tinyConfig();
const picture = formulaPicture(64, 48);
const left = { width: 2, height: 1, data: Uint8Array.of(255, 0) };
const layout = (options: Partial<EditOptions>) => editOf({ picture, ...options }, config);
const listed = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i);

describe('layout', () => {
  it('of a mask: the tokens under it, on the picture’s own grid', () => {
    const edit = layout({ mask: left });
    expect(edit).toMatchObject({ encoder: [3, 4], grid: [3, 4], origin: [0, 0], made: 6 });
    expect(Array.from(edit.candidates)).toEqual([0, 1, 4, 5, 8, 9]);
    expect(edit.picture).toBe(picture);
    expect(edit.crop).toEqual({ left: 0, top: 0, width: 64, height: 48 });
  });

  it('of a variation: a share of all tokens, or of those under the mask, at least one', () => {
    expect(layout({ variation: 0.3 })).toMatchObject({ made: 4, candidates: { length: 12 } });
    expect(layout({ variation: 0.5, mask: left })).toMatchObject({ made: 3, candidates: { length: 6 } });
    expect(layout({ variation: 1e-9 }).made).toBe(1);
    expect(layout({ variation: 1 }).made).toBe(12);
  });

  it('of an extension: all that is new, and what a mask marks of the picture', () => {
    const edit = layout({ extend: { left: 1, bottom: 2 } });
    expect(edit).toMatchObject({ encoder: [3, 4], grid: [5, 5], origin: [0, 1], made: 13 });
    expect(Array.from(edit.candidates)).toEqual([0, 5, 10, ...listed(15, 10)]);
    expect(edit.crop).toEqual({ left: 0, top: 0, width: 80, height: 80 });
    expect(layout({ extend: { left: 1 }, mask: left }).made).toBe(9);
  });

  it('of a picture of any size: its edge is repeated, and cut off again', () => {
    const odd = formulaPicture(50, 33);
    const edit = layout({ picture: odd, mask: left });
    expect(edit).toMatchObject({ encoder: [3, 4], grid: [3, 4], picture: { width: 64, height: 48 } });
    expect(edit.crop).toEqual({ left: 0, top: 0, width: 50, height: 33 });
    const pixel = (x: number, y: number) => Array.from(edit.picture.data.subarray((y * 64 + x) * 3).slice(0, 3));
    const own = (x: number, y: number) => Array.from(odd.data.subarray((y * 50 + x) * 3).slice(0, 3));
    expect(pixel(17, 20)).toEqual(own(17, 20));
    expect(pixel(60, 20)).toEqual(own(49, 20));
    expect(pixel(17, 47)).toEqual(own(17, 32));
    // what is added on the right touches the picture: the padding is on the left
    const wider = layout({ picture: odd, extend: { right: 1 } });
    expect(wider.crop).toEqual({ left: 14, top: 0, width: 66, height: 33 });
    expect(layout({ picture: odd, extend: { left: 1 } }).crop).toEqual({ left: 0, top: 0, width: 66, height: 33 });
    expect(layout({ picture: odd, extend: { bottom: 1 } }).crop).toEqual({ left: 0, top: 15, width: 50, height: 49 });
  });

  it('puts latents at their place on the canvas of each picture', () => {
    const edit = layout({ extend: { left: 1, bottom: 1 } }); // 4 × 5 tokens
    const latents = Float32Array.from({ length: 12 * 16 }, (_, i) => i + 1);
    const tokens = canvasTokens(edit, latents, 2);
    expect(tokens.length).toBe(2 * 20 * 16);
    for (const p of [0, 20])
      for (let g = 0; g < 20; g++) {
        const [row, column] = [Math.floor(g / 5), (g % 5) - 1];
        const isPicture = row < 3 && column >= 0;
        expect(tokens[(p + g) * 16 + 3]).toBe(isPicture ? latents[(row * 4 + column) * 16 + 3] : 0);
      }
  });

  it('gives back pictures of the size that was asked for, with the mask on the canvas', () => {
    const odd = formulaPicture(50, 33);
    const edit = layout({ picture: odd, extend: { right: 1 } });
    const { picture: result, mask } = finishEdit(edit, formulaPicture(80, 48), edit.candidates);
    expect([result.width, result.height]).toEqual([66, 33]);
    for (let y = 0; y < 33; y++)
      expect(result.data.subarray(y * 66 * 3, (y * 66 + 50) * 3)).toEqual(
        odd.data.subarray(y * 50 * 3, (y + 1) * 50 * 3),
      );
    expect(mask).toMatchObject({ width: 5, height: 3 });
    expect(Array.from(mask.data)).toEqual([0, 0, 0, 0, 255, 0, 0, 0, 0, 255, 0, 0, 0, 0, 255]);
  });
});

describe('refusals', () => {
  const empty = { width: 2, height: 2, data: new Uint8Array(4) };
  it.each([
    ['must say what is made anew: give a mask, a variation or an extension', {}],
    ['must say what is made anew: ', { extend: {} }],
    ['must say what is made anew: give', { extend: { left: 0 } }],
    ['mask must mark what is made anew, with 128 and more, but marks nothing', { mask: empty }],
    ['mask must be { width, height, data }', { mask: null }],
    ['variation must be a share above 0 up to 1 but is 0', { variation: 0 }],
    ['variation must be a share above 0 up to 1 but is NaN', { variation: NaN }],
    ['variation must be a share above 0 up to 1 but is 1.01', { variation: 1.01 }],
    ['variation must be a share above 0 up to 1 but is the text "0.3"', { variation: '0.3' }],
    ['must not ask for a variation and an extension at once', { variation: 0.3, extend: { left: 1 } }],
    ['extend.left must be a whole number of squares from 0 to 256 but is -1', { extend: { left: -1 } }],
    ['extend.top must be a whole number of squares from 0 to 256 but is NaN', { extend: { top: NaN } }],
    ['extend.right must be a whole number of squares from 0 to 256 but is 0.5', { extend: { right: 0.5 } }],
    ['extend.bottom must be a whole number of squares from 0 to 256 but is 1000', { extend: { bottom: 1000 } }],
    ['extend must name left, right, top, bottom but names lower', { extend: { lower: 1 } }],
    ['extend must be an object of sides but is 3', { extend: 3 }],
    ['picture must be { width, height, data } but is undefined', { picture: undefined, mask: left }],
    ['picture must be { width, height, data } but is string', { picture: 'a.png', mask: left }],
    [
      'a picture that is extended on both sides must be a multiple of 16 wide but is 50: crop it to 48,',
      { picture: formulaPicture(50, 48), extend: { left: 1, right: 1 } },
    ],
    [
      'picture must have sides of at most 4096 pixels but is 5000×16',
      { picture: formulaPicture(5000, 16), mask: left },
    ],
  ])('%s', (sentence, options) => {
    const ask = () => layout(options as Partial<EditOptions>);
    expect(ask).toThrow(ArgumentError);
    expect(ask).toThrow(`[edit] ${sentence}`);
  });

  it.each([
    [null, '[edit] must be an object'],
    ['a.png', '[edit] must be an object'],
  ])('an edit that is %j', (edit, sentence) =>
    expect(() => editOf(edit as unknown as EditOptions, config)).toThrow(sentence),
  );

  it('a picture with the wrong number of bytes, or a canvas beyond the largest', () => {
    expect(() => layout({ picture: { width: 4, height: 4, data: new Uint8Array(5) }, mask: left })).toThrow('4×4×3');
    expect(() => layout({ picture: { width: 0, height: 0, data: new Uint8Array(0) }, mask: left })).toThrow('positive');
    expect(() => layout({ extend: { left: 256 } })).toThrow('to 4096 pixels but is 4160');
  });
});
