import { describe, expect, it } from 'vitest';
import { boxes, extension, share } from '../../../node/cli/edit_values.ts';
import { ArgumentError } from '../../../src/engine/index.ts';

describe('--box', () => {
  it('takes a corner and a size, and one more', () => {
    const first = boxes('0,0,64,128');
    expect(first).toEqual([{ x: 0, y: 0, width: 64, height: 128 }]);
    expect(boxes(' -8, 4 ,16,1', first)).toEqual([...first, { x: -8, y: 4, width: 16, height: 1 }]);
    expect(first.length).toBe(1);
  });

  it.each([
    '',
    '1,2,3',
    '1,2,3,4,5',
    '1,2,0,4',
    '1,2,3,-4',
    '1.5,2,3,4',
    'NaN,0,1,1',
    '1e3,0,1,1',
    '0,0,99999999,1',
    'a,b,c,d',
  ])('refuses %j', (text) => {
    expect(() => boxes(text)).toThrow(ArgumentError);
    expect(() => boxes(text)).toThrow(`the box must be x,y,w,h, a corner and a size in whole pixels`);
  });
});

describe('--variation', () => {
  it.each([
    ['0.3', 0.3],
    ['.3', 0.3],
    ['1', 1],
    ['1.0', 1],
  ])('takes %s', (text, value) => expect(share(text)).toBe(value));

  it.each([
    ['30', /but is "30": try 0.3$/],
    ['0', /but is "0"$/],
    ['1.1', /but is "1.1"$/],
    ['-0.3', /but is "-0.3"$/],
    ['NaN', /but is "NaN"$/],
    ['', /but is ""$/],
    ['1e9', /but is "1e9"$/],
  ])('refuses %j', (text, sentence) => expect(() => share(text)).toThrow(sentence));
});

describe('--extend', () => {
  it.each([
    ['left=2', { left: 2, right: 0, top: 0, bottom: 0 }],
    ['left=2,top=1', { left: 2, right: 0, top: 1, bottom: 0 }],
    ['left,right=2', { left: 2, right: 2, top: 0, bottom: 0 }],
    ['left,right,top,bottom=3', { left: 3, right: 3, top: 3, bottom: 3 }],
    ['all=1', { left: 1, right: 1, top: 1, bottom: 1 }],
    ['all=1, bottom=4', { left: 1, right: 1, top: 1, bottom: 4 }],
  ])('takes %s', (text, sides) => expect(extension(text)).toEqual(sides));

  it('adds up where it is given again', () =>
    expect(extension('top=1', extension('left=2'))).toEqual({ left: 2, right: 0, top: 1, bottom: 0 }));

  it.each([
    '',
    '2',
    'left',
    'left=',
    'left=-1',
    'left=0.5',
    'left=257',
    'left=NaN',
    'up=1',
    'left=1,right',
    'left=1=2',
  ])('refuses %j', (text) =>
    expect(() => extension(text)).toThrow(/^--extend must name left, right, top, bottom or all .* but is "/),
  );
});
