/** Pictures that remember how they were made: in both formats, in any language, and whatever stands in the record of a file. */
import { deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { addJpegText } from '../../../src/harmon/jpeg_text.ts';
import { encodeRecorded, readPictureText } from '../../../node/picture_text.ts';
import { decodePicture, encodeJpeg, encodePng } from '../../../node/pictures.ts';
import { isSamePicture, parametersText, parseRecord, recordJson } from '../../../src/harmon/record.ts';
import { FileError } from '../../../src/engine/index.ts';
import { record } from '../../support/record.ts';

const picture = { width: 16, height: 16, data: Uint8Array.from({ length: 768 }, (_, i) => i) };

describe.each(['PNG', 'JPEG'] as const)('%s', (format) => {
  it.each([
    'a dog',
    '左边一只狗 🐶, كلب على اليمين',
    'line\nline "quoted" {"overtone": 2}',
    'lone \ud800 half',
    '狗'.repeat(40_000),
    'x'.repeat(65533 * 3),
  ])('keeps the record of %.20j…', async (prompt) => {
    const made = record({ prompt, seed: Number.MAX_SAFE_INTEGER, temperature: 0.1, guidance: -1e-7 });
    const file = await encodeRecorded(picture, made, format);
    expect(readPictureText(file, 'x').record).toEqual(made);
    const { width, height, data } = await decodePicture(file, 'x');
    expect([width, height]).toEqual([16, 16]);
    if (format === 'PNG') expect(data).toEqual(picture.data);
    expect((await sharp(file).metadata()).format).toBe(format.toLowerCase());
  });

  it('has no record where none was written', async () => {
    const file = format === 'PNG' ? encodePng(picture, { parameters: 'b\nSteps: 1' }) : await encodeJpeg(picture);
    expect(readPictureText(file, 'x')).toEqual(format === 'PNG' ? { parameters: 'b\nSteps: 1' } : {});
  });

  it('survives a file cut at every byte', async () => {
    const file = await encodeRecorded(picture, record(), format);
    for (let length = 8; length < file.length; length++)
      try {
        const found = readPictureText(file.subarray(0, length), 'x').record;
        if (found) expect(found).toEqual(record());
      } catch (error) {
        expect(error).toBeInstanceOf(FileError);
      }
  });
});

it('gives other tools the parameters where they look for them', async () => {
  const made = record({ prompt: '左边一只狗 🐶' });
  const text = parametersText(made);
  expect(text).toMatch(
    /^左边一只狗 🐶\nSteps: 16, Sampler: Harmon, .*CFG scale: 3, Seed: 7, Size: 128x64, Model hash: 0123456789, Model: harmon-tiny,/,
  );
  expect(readPictureText(await encodeRecorded(picture, made, 'PNG'), 'x').parameters).toBe(text);
  const { exif } = await sharp(await encodeRecorded(picture, made, 'JPEG')).metadata();
  const at = exif!.indexOf('UNICODE\0') + 8;
  expect(Buffer.from(exif!.subarray(at)).swap16().toString('utf16le')).toBe(text);
});

it('reads the other forms that PNG text has, within bounds', () => {
  const chunk = (type: string, keyword: string, rest: Uint8Array) => {
    const plain = Buffer.from(encodePng(picture, { [keyword]: '' }));
    const data = Buffer.concat([Buffer.from(`${keyword}\0`, 'latin1'), rest]);
    const head = Buffer.alloc(8);
    head.writeUInt32BE(data.length);
    head.write(type, 4, 'latin1');
    // the checksum of text is not looked at
    return new Uint8Array(Buffer.concat([plain.subarray(0, 33), head, data, Buffer.alloc(4), plain.subarray(33)]));
  };
  const text = (file: Uint8Array) => readPictureText(file, 'x').parameters;
  expect(text(chunk('tEXt', 'parameters', Buffer.from('Größe', 'latin1')))).toBe('Größe');
  const packed = (bytes: Uint8Array) => Buffer.concat([Uint8Array.of(1, 0, 0, 0), deflateSync(bytes)]);
  expect(text(chunk('iTXt', 'parameters', packed(Buffer.from('狗'))))).toBe('狗');
  expect(text(chunk('iTXt', 'parameters', packed(Buffer.alloc(1 << 26))))).toBe('');
  expect(text(chunk('iTXt', 'parameters', Uint8Array.of(0, 0, 0, 0, 0xff)))).toBe('');
  expect(text(chunk('iTXt', 'parameters', Uint8Array.of(0)))).toBe('');
});

describe('a record', () => {
  const json = () => JSON.parse(recordJson(record())) as Record<string, unknown>;

  it('begins with its version and reads back', () => {
    expect(recordJson(record())).toMatch(/^\{"overtone":1,"software":"overtone-gpu \d/);
    expect(parseRecord(recordJson(record()), 'x.png')).toEqual(record());
  });

  it('of an edit has what was made anew, at any size', () => {
    const edits = [
      { mask: ['..#.', '#...'] },
      { variation: 0.3 },
      { extend: { left: 1, right: 0, top: 0, bottom: 2 }, mask: ['##'] },
    ];
    for (const edit of edits) {
      const made = record({ edit, imageSize: [50, 33] });
      expect(parseRecord(recordJson(made), 'x.png')).toEqual(made);
      expect(isSamePicture(made, record({ imageSize: [50, 33] }))).toBe(false);
    }
  });

  it.each([
    [[], 'no usable edit'],
    [{ mask: 'all' }, 'no usable mask'],
    [{ mask: ['..x'] }, 'no usable mask'],
    [{ variation: '1' }, 'no usable variation'],
    [{ extend: { left: -1 } }, 'no usable left'],
  ])('with edit %j is refused', (edit, sentence) => {
    expect(() => parseRecord(JSON.stringify({ ...json(), edit }), 'x.png')).toThrow(sentence);
  });

  it('of megabytes in a JPEG is none', async () => {
    const jpeg = await encodeJpeg({ width: 16, height: 16, data: new Uint8Array(768) });
    const text = `{"overtone":1,"prompt":"${'x'.repeat(5_000_000)}"}`;
    expect(readPictureText(addJpegText(jpeg, text, ''), 'x.jpg')).toEqual({});
  });

  it.each([
    ['overtone', 2, 'of version 2 and this is for version 1: update'],
    ['seed', -1, 'no usable seed'],
    ['seed', 2 ** 53, 'no usable seed'],
    ['seed', '7', 'no usable seed'],
    ['prompt', null, 'no usable prompt'],
    ['image_size', [128, 1e9], 'no usable image_size'],
    ['image_size', [100, 128], 'no usable image_size'],
    ['grid_size', 1e6, 'no usable grid_size'],
    ['cfg_schedule', 'toString', 'no usable cfg_schedule'],
    ['model', [], 'no usable model'],
    ['model', { name: 'x' }, 'no usable hash'],
    ['temperature', undefined, 'no usable temperature'],
  ])('with %s %j is refused', (key, value, sentence) => {
    expect(() => parseRecord(JSON.stringify({ ...json(), [key]: value }), 'x.png')).toThrow(FileError);
    expect(() => parseRecord(JSON.stringify({ ...json(), [key]: value }), 'x.png')).toThrow(sentence);
  });

  it.each(['', '[]', 'null', '{', '{"__proto__":{"overtone":1}}'])('of the text %s is refused', (text) =>
    expect(() => parseRecord(text, 'x.png')).toThrow(/^x\.png: cannot tell how it was made: its record/),
  );

  it('tells pictures apart by all that changes them, and by nothing else', () => {
    expect(isSamePicture(record(), record({ adapter: 'another' }))).toBe(true);
    for (const changes of [
      { prompt: 'a cat' },
      { seed: 8 },
      { imageSize: [64, 128] },
      { guidance: 2 },
      { guidanceSchedule: 'linear' },
      { timesteps: 49 },
      { model: { ...record().model, hash: 'x' } },
    ] as const)
      expect(isSamePicture(record(), record(changes))).toBe(false);
  });
});
