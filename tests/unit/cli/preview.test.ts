/** Pictures in terminals: what each of them is sent, and how it is found out. */
import { PassThrough } from 'node:stream';
import type { ReadStream, WriteStream } from 'node:tty';
import { describe, expect, it } from 'vitest';
import { preview, previewKind } from '../../../node/cli/preview.ts';
import { showsSixels } from '../../../node/cli/terminal.ts';
import { decodePicture } from '../../../node/pictures.ts';
import type { Picture } from '../../../src/harmon/index.ts';

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

  it('of sixels has the pixels, in the nearest of its colours', () => {
    const flat = { width: 7, height: 8, data: new Uint8Array(7 * 8 * 3).fill(255) };
    flat.data.set([255, 0, 51], 3 * (7 * 6 + 2));
    const drawn = drawSixels(preview(flat, 'sixel', 80));
    expect(drawn).toEqual(flat);
    const noisy = drawSixels(preview(picture, 'sixel', 80));
    const mean = (data: Uint8Array) => data.reduce((sum, byte) => sum + byte, 0) / data.length;
    expect([noisy.width, noisy.height]).toEqual([90, 60]);
    expect(Math.abs(mean(noisy.data) - mean(picture.data))).toBeLessThan(2);
    const large = { width: 1601, height: 40, data: new Uint8Array(1601 * 40 * 3) };
    expect(drawSixels(preview(large, 'sixel', 80))).toMatchObject({ width: 800, height: 20 });
  });
});

/** What a terminal makes of sixels. */
function drawSixels(text: string): Picture {
  const [, width, height, body] = /^\x1bP0;1q"1;1;(\d+);(\d+)([^\x1b]*)\x1b\\\n$/.exec(text)!;
  const [w, h] = [Number(width), Number(height)];
  const data = new Uint8Array(w * h * 3).fill(7);
  const palette = new Map<string, number[]>();
  let [x, top, colour] = [0, 0, '0'];
  for (const [, hash, rgb, repeat, letter] of body.matchAll(/#(\d+)(?:;2;([\d;]+))?|(?:!(\d+))?([?-~$-])/g)) {
    if (rgb)
      palette.set(
        hash,
        rgb.split(';').map((percent) => Math.round(Number(percent) * 2.55)),
      );
    if (hash) colour = hash;
    else if (letter === '$') x = 0;
    else if (letter === '-') [x, top] = [0, top + 6];
    else
      for (let n = Number(repeat ?? 1); n > 0; n--, x++)
        for (let row = 0; row < 6; row++)
          if (((letter.charCodeAt(0) - 63) >> row) & 1) data.set(palette.get(colour)!, ((top + row) * w + x) * 3);
  }
  return { width: w, height: h, data };
}

describe('a terminal', () => {
  const asked = async (answer: (question: string, input: PassThrough) => void, patience?: number) => {
    const input = Object.assign(new PassThrough(), {
      raw: [] as boolean[],
      setRawMode: (on: boolean) => input.raw.push(on),
    });
    const output = { write: (text: string) => (setTimeout(() => answer(text, input)), true) };
    const shows = await showsSixels(input as unknown as ReadStream, output as unknown as WriteStream, patience);
    expect(input.raw).toEqual([true, false]);
    expect(input.listenerCount('data')).toBe(0);
    return { shows, left: String(input.read() ?? '') };
  };

  it.each([
    ['\x1b[?62;4;22c', true],
    ['\x1b[?4c', false], // the first number is its kind
    ['\x1b[?62;22;44c', false],
    ['\x1b[?1;2c', false],
  ])('that answers %j', async (answer, shows) => {
    expect(await asked((question, input) => question === '\x1b[c' && input.write(answer))).toEqual({ shows, left: '' });
  });

  it('that says nothing is not waited for, and what is typed meanwhile is kept', async () => {
    expect(await asked(() => undefined, 20)).toEqual({ shows: false, left: '' });
    expect(await asked((_, input) => input.write('a dog\r'), 50)).toEqual({ shows: false, left: 'a dog\r' });
    const both = await asked((_, input) => {
      input.write('a \x1b[?62;');
      setTimeout(() => input.write('4cdog'), 5);
    });
    expect(both).toEqual({ shows: true, left: 'a dog' });
  });
});
