/** Lines of the session. */
import { describe, expect, it } from 'vitest';
import { parseInteractiveLine as parse } from '../../../node/cli/interactive_line.ts';
import { ArgumentError } from '../../../src/engine/index.ts';

describe('a line', () => {
  it.each([
    ['', undefined],
    [' \t', undefined],
    [' a dog ', { kind: 'make', prompt: 'a dog' }],
    ['/ask', { kind: 'ask', question: undefined }],
    ['/ask what is on the left?', { kind: 'ask', question: 'what is on the left?' }],
    ['/image my pictures/狗.png', { kind: 'image', path: 'my pictures/狗.png' }],
    ['/seed new', { kind: 'seed', seed: 'new' }],
    ['/size 64x32', { kind: 'size', size: [64, 32] }],
    ['/iterations 4', { kind: 'iterations', iterations: 4 }],
    ['/edit box 0,0,64,128 a fox', { kind: 'edit', box: { x: 0, y: 0, width: 64, height: 128 }, prompt: 'a fox' }],
    ['/again', { kind: 'again' }],
    ['/quit', { kind: 'quit' }],
  ])('%j', (text, line) => expect(parse(text)).toEqual(line));

  it.each([
    ['/bogus', 'there is no command /bogus'],
    ['/', 'there is no command /'],
    ['/toString', 'there is no command /toString'],
    ['/image', '/image needs a file'],
    ['/seed x', 'must be a whole number'],
    ['/size 100', '/size must be a side'],
    ['/edit a fox', '/edit must be followed by box'],
    ['/edit box 1,2,3 a fox', 'must be x,y,w,h'],
  ])('%j is refused', (text, sentence) => {
    expect(() => parse(text)).toThrow(ArgumentError);
    expect(() => parse(text)).toThrow(sentence);
  });
});
