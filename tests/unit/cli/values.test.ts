import { describe, expect, it } from 'vitest';
import { bytes, number, side, size, whole } from '../../../node/cli/values.ts';
import { ArgumentError } from '../../../src/engine/index.ts';

describe('sizes', () => {
  it.each([
    ['16', [16, 16]],
    ['144', [144, 144]],
    ['4096', [4096, 4096]],
    ['128x256', [128, 256]],
    ['512×320', [512, 320]],
  ])('takes %s', (text, expected) => expect(size('--image-size')(text)).toEqual(expected));

  it.each([
    ['100', /multiples of 16 .* but is "100": try 96$/],
    ['0', /but is "0": try 16$/],
    ['-128', /but is "-128": try 16$/],
    ['1e9', /but is "1e9": try 4096$/],
    ['128.5', /try 128$/],
    ['128x100', /but is "128x100"$/],
    ['128x', /but is "128x"$/],
    ['1x2x3', /but is/],
    ['0x80', /but is "0x80"$/],
    ['large', /but is "large"$/],
    ['', /but is ""$/],
    ['NaN', /but is "NaN"$/],
  ])('refuses %j', (text, sentence) => {
    expect(() => size('--image-size')(text)).toThrow(ArgumentError);
    expect(() => size('--image-size')(text)).toThrow(sentence);
  });

  it('has one side where pictures are square', () => {
    expect(side('--image-size')('64')).toBe(64);
    expect(() => side('--image-size')('128x256')).toThrow(
      /^--image-size must be a multiple of 16 from 16 to 4096 pixels but is "128x256"$/,
    );
    expect(() => side('--image-size')('100')).toThrow(/: try 96$/);
  });
});

describe('numbers', () => {
  it('takes whole numbers in range', () => {
    const parse = whole('--num-iter', 1, 64);
    expect([parse('1'), parse('64'), parse('1.6e1')]).toEqual([1, 64, 16]);
    for (const text of ['0', '65', '1.5', '', ' ', '0x10', 'ten', 'Infinity'])
      expect(() => parse(text)).toThrow(/^--num-iter must be a whole number from 1 to 64 but is/);
  });

  it('takes numbers from a bound up', () => {
    expect(number('--cfg')('-1.5')).toBe(-1.5);
    expect(number('--temperature', 0)('.9')).toBe(0.9);
    expect(() => number('--temperature', 0)('-1')).toThrow('--temperature must be a number from 0 up but is "-1"');
    expect(() => number('--cfg')('1e999')).toThrow('--cfg must be a number but is "1e999"');
  });

  it('shortens what was typed', () => expect(() => number('--cfg')('x'.repeat(5000))).toThrow(/^.{0,120}…"$/));
});

describe('bytes', () => {
  it.each([
    ['4GB', 4e9],
    ['6.5gb', 6.5e9],
    ['900 MB', 9e8],
    ['2GiB', 2 ** 31],
  ])('takes %s', (text, expected) => expect(bytes('--memory')(text)).toBe(expected));

  it.each(['4', '0GB', '-1GB', '4TB', 'GB', '', '1e9'])('refuses %j', (text) =>
    expect(() => bytes('--memory')(text)).toThrow(
      `--memory must be a size such as 4GB or 900MB but is ${JSON.stringify(text)}`,
    ),
  );
});
