import { expect, it } from 'vitest';
import { counted, shellWord, visible, visibleLines } from '../../../node/cli/wording.ts';

it('shows characters that steer a terminal or turn the line around', () => {
  expect(visible('a\x1b[31mb\r\n\x00\x7f\x9bc')).toBe('a\\u{1b}[31mb\\u{d}\\u{a}\\u{0}\\u{7f}\\u{9b}c');
  expect(visible('\u202agnp\u202e\u2066x\u2069\u200e\u200f\u061c\u2028')).toBe(
    '\\u{202a}gnp\\u{202e}\\u{2066}x\\u{2069}\\u{200e}\\u{200f}\\u{61c}\\u{2028}',
  );
  expect(visible('犬 é 👨‍👩‍👧 ×')).toBe('犬 é 👨‍👩‍👧 ×');
  expect(visibleLines('a\n\x1b\n')).toBe('a\n\\u{1b}\n');
});

it('counts', () => {
  expect([0, 1, 2].map((n) => counted(n, 'iteration'))).toEqual(['0 iterations', '1 iteration', '2 iterations']);
});

it('writes paths as a shell takes them', () => {
  expect(['a/b-1.png', '狗.png', 'a b', "it's", '', '$x'].map(shellWord)).toEqual([
    'a/b-1.png',
    '狗.png',
    "'a b'",
    "'it'\\''s'",
    "''",
    "'$x'",
  ]);
});
