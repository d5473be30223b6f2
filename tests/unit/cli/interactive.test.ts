/** Lines of the session, and pictures for terminals. */
import { describe, expect, it } from 'vitest';
import { parseInteractiveLine as parse } from '../../../node/cli/interactive_line.ts';
import { preview, previewKind } from '../../../node/cli/preview.ts';
import { decodePicture } from '../../../node/pictures.ts';
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

describe('a preview', () => {
  const picture = {
    width: 90,
    height: 60,
    data: Uint8Array.from({ length: 90 * 60 * 3 }, (_, i) => (Math.imul(i ^ (i >>> 3), 0x9e3779b1) >>> 13) & 255),
  };

  it('is what the terminal shows', () => {
    expect(previewKind({ TERM: 'xterm-kitty' })).toBe('kitty');
    expect(previewKind({ TERM: 'xterm-256color', TERM_PROGRAM: 'ghostty' })).toBe('kitty');
    expect(previewKind({ TERM: 'xterm-256color' })).toBe('blocks');
    expect(previewKind({ TERM: 'xterm-256color', NO_COLOR: '1' })).toBeUndefined();
    expect(previewKind({ TERM: 'dumb' })).toBeUndefined();
    expect(previewKind({})).toBeUndefined();
  });

  it('for kitty is the picture itself, in chunks', async () => {
    const text = preview(picture, 'kitty', 80);
    const chunks = [...text.matchAll(/\x1b_G(?:a=T,f=100,)?m=([01]);([A-Za-z0-9+/=]{0,4096})\x1b\\/g)];
    expect(chunks.length).toBeGreaterThan(1);
    expect(chunks.map(([, more]) => more).join('')).toMatch(/^1+0$/);
    expect(chunks.map(([all]) => all).join('') + '\n').toBe(text);
    const file = Buffer.from(chunks.map(([, , data]) => data).join(''), 'base64');
    expect(await decodePicture(new Uint8Array(file), 'preview')).toEqual(picture);
  });

  it.each([
    [30, true],
    [80, false],
  ])('of half blocks fits %i columns', (columns, isTrueColour) => {
    const lines = preview(picture, 'blocks', columns, isTrueColour).trimEnd().split('\n');
    const widths = lines.map((line) => line.split('▀').length - 1);
    expect(Math.max(...widths)).toBe(Math.min(...widths));
    expect(widths[0]).toBeLessThanOrEqual(columns);
    expect(lines.length).toBeLessThanOrEqual(20);
    for (const line of lines) expect(line).toMatch(/^(\x1b\[[0-9;]+m▀)+\x1b\[0m$/);
    expect(lines[0].includes('38;2;')).toBe(isTrueColour);
  });

  it('has the upper pixel above the lower one', () => {
    const two = { width: 1, height: 2, data: Uint8Array.of(255, 0, 0, 0, 0, 255) };
    expect(preview(two, 'blocks', 80)).toBe('\x1b[38;2;255;0;0;48;2;0;0;255m▀\x1b[0m\n');
    expect(preview(two, 'blocks', 80, false)).toBe('\x1b[38;5;196;48;5;21m▀\x1b[0m\n');
  });
});
