/** Pasting back: kept pixels are the original's, made ones the decoder's, and the seam between them fades out within a token. */
import { describe, expect, it } from 'vitest';
import type { Picture } from '../../../src/harmon/image.ts';
import { pasteBack } from '../../../src/harmon/paste.ts';
import { formulaPicture } from '../../support/formula.ts';

const grid = [3, 4] as const; // 64 × 48 pixels
const flat = (level: number, width = 64, height = 48): Picture => ({
  width,
  height,
  data: new Uint8Array(width * height * 3).fill(level),
});
const tokens = (...rows: string[]) => Uint8Array.from(rows.join(''), (c) => +(c === '#'));
const at = ({ width, data }: Picture, x: number, y: number) => data[(y * width + x) * 3];
const paste = (picture: Picture, decoded: Picture, made: Uint8Array) =>
  pasteBack({ picture, origin: [0, 0], grid }, decoded, made);

const RIGHT = tokens('..##', '..##', '..##');

describe('pasting back', () => {
  it('leaves kept pixels as they are, whatever was decoded there', () => {
    const original = formulaPicture(64, 48);
    const made = tokens('....', '.##.', '....');
    const { data } = paste(original, flat(7), made);
    for (let i = 0; i < data.length; i++) {
      const [x, y] = [Math.floor(i / 3) % 64, Math.floor(i / 192)];
      if (!made[Math.floor(y / 16) * 4 + Math.floor(x / 16)]) expect(data[i]).toBe(original.data[i]);
    }
  });

  it('never mixes in what was there before', () => {
    const [one, other] = [flat(100), flat(100)];
    for (let y = 0; y < 48; y++) other.data.fill(0, (y * 64 + 32) * 3, (y + 1) * 64 * 3);
    expect(paste(other, flat(90), RIGHT).data).toEqual(paste(one, flat(90), RIGHT).data);
  });

  it('meets the kept side without a step, and is the decoder’s own a token further on', () => {
    const { width, height, data } = paste(flat(120), flat(100), RIGHT);
    expect([width, height]).toEqual([64, 48]);
    const row = Array.from({ length: 64 }, (_, x) => at({ width, height, data }, x, 24));
    expect(new Set(row.slice(0, 32))).toEqual(new Set([120]));
    expect(row[32]).toBeGreaterThanOrEqual(117);
    for (let x = 32; x < 63; x++) expect(row[x]).toBeGreaterThanOrEqual(row[x + 1]);
    expect(row[47]).toBeLessThanOrEqual(101);
    expect(new Set(row.slice(48))).toEqual(new Set([100]));
  });

  it('lifts a token among kept ones by what is missed around it', () => {
    const pasted = paste(flat(120), flat(100), tokens('....', '.#..', '....'));
    for (let y = 16; y < 32; y++)
      for (let x = 16; x < 32; x++) {
        expect(at(pasted, x, y)).toBeGreaterThanOrEqual(102);
        expect(at(pasted, x, y)).toBeLessThanOrEqual(120);
      }
    expect(at(pasted, 16, 16)).toBe(120);
  });

  it('takes the decoder’s picture where nothing is kept or nothing was missed, and stays within bytes', () => {
    const decoded = formulaPicture(64, 48);
    expect(paste(flat(0), decoded, new Uint8Array(12).fill(1)).data).toEqual(decoded.data);
    expect(paste(decoded, decoded, RIGHT).data).toEqual(decoded.data);
    for (const [a, b] of [
      [255, 0],
      [0, 255],
    ])
      expect(paste(flat(a), flat(b), RIGHT).data.every((byte) => byte >= 0 && byte <= 255)).toBe(true);
  });

  it('finds a picture that lies within a larger canvas', () => {
    const picture = formulaPicture(32, 16);
    const made = tokens('####', '#..#', '####');
    const { data } = pasteBack({ picture, origin: [1, 1], grid }, flat(50), made);
    for (let y = 0; y < 16; y++)
      expect(data.subarray(((16 + y) * 64 + 16) * 3, ((16 + y) * 64 + 48) * 3)).toEqual(
        picture.data.subarray(y * 96, (y + 1) * 96),
      );
    expect(at({ width: 64, height: 48, data }, 63, 0)).not.toBe(at({ width: 64, height: 48, data }, 15, 20));
  });
});
