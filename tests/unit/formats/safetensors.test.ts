/** Each rule of safetensors, one broken file a rule, and the sharded form's index, whose names may lead nowhere but into its folder. */
import { describe, expect, test } from 'vitest';
import { FileError } from '../../../src/engine/errors.ts';
import { openSharded, openTensorFile } from '../../../src/engine/formats/open.ts';
import { bytesSource, type ByteSource } from '../../../src/engine/formats/source.ts';
import { joinTensorFiles } from '../../../src/engine/formats/tensor_file.ts';
import { isPlainPath } from '../../../src/engine/formats/wire.ts';
import { workWatch } from '../../support/cpu_time.ts';
import { text, u64 } from '../../support/make_zip.ts';
import { isKept } from '../../support/rule_corpus.ts';

const file = (header: string, data = 24): Uint8Array => {
  const bytes = text(header);
  return Uint8Array.from([...u64(BigInt(bytes.length)), ...bytes, ...Array.from({ length: data }, (_, i) => i)]);
};
const tensor = (name: string, begin: number, end: number, shape = `[${(end - begin) / 4}]`, dtype = 'F32'): string =>
  `"${name}":{"dtype":"${dtype}","shape":${shape},"data_offsets":[${begin},${end}]}`;
const open = (bytes: Uint8Array, name = 'm.safetensors') => openTensorFile(bytesSource(name, bytes));

test('loads tensors in any order, empty ones, scalars and every dtype', async () => {
  const good = await open(
    file(
      `{${tensor('late', 12, 24)}, ${tensor('none', 12, 12, '[0,7]')},\n ${tensor('one', 0, 4, '[]')},${tensor('mid', 4, 12, '[1,2]')}}   `,
    ),
  );
  expect(await good.read('late', { rows: [1, 2] })).toEqual(Uint8Array.from([16, 17, 18, 19, 20, 21, 22, 23]));
  expect(await good.read('one')).toEqual(Uint8Array.from([0, 1, 2, 3]));
  expect((await good.read('none')).length).toBe(0);
  await expect(good.read('mid', { rows: [0, 2] })).rejects.toThrow(/mid.*rows 0 to 2/);
  for (const [dtype, size] of Object.entries({
    F64: 8,
    F32: 4,
    F16: 2,
    BF16: 2,
    I64: 8,
    I32: 4,
    I16: 2,
    I8: 1,
    U8: 1,
    BOOL: 1,
  }))
    expect((await open(file(`{${tensor('w', 0, 3 * size, '[3]', dtype)}}`, 3 * size))).tensors.get('w')?.dtype).toBe(
      dtype,
    );
  const escaped = await open(file(`{${tensor('a\\u00e9\\n', 0, 24)}}`));
  expect([...escaped.tensors.keys()]).toEqual(['aé\n']);
});

describe('refuses', () => {
  const w = (fields: string): string => `{"w":{${fields}}}`;
  const bad: Record<string, [Uint8Array, RegExp]> = {
    'a key twice': [file(`{${tensor('w', 0, 12)},${tensor('w', 12, 24)}}`), /header has the key "w" twice/],
    'a key twice by escapes': [file(`{${tensor('w', 0, 12)},${tensor('\\u0077', 12, 24)}}`), /header has the key "w" twice/],
    'a field twice': [file(w('"dtype":"F32","dtype":"F32"')), /"dtype" twice/],
    'an unknown field': [file(w('"dtype":"F32","size":[6],"shape":[6],"data_offsets":[0,24]')), /unknown field "size"/],
    'no shape': [file(w('"dtype":"F32","data_offsets":[0,24]')), /must give tensor w a dtype, a shape/],
    'one offset': [file(w('"dtype":"F32","shape":[6],"data_offsets":[24]')), /two data_offsets/],
    'three offsets': [file(w('"dtype":"F32","shape":[6],"data_offsets":[0,24,24]')), /more than 2 numbers/],
    'begin after end': [file(`{${tensor('w', 24, 0, '[6]')}}`), /do not fit/],
    'a shape that does not fit': [file(`{${tensor('w', 0, 24, '[7]')}}`), /shape \[7\] F32 the bytes 0 to 24/],
    'a product that overflows': [file(`{${tensor('w', 0, 24, '[4294967296,4294967296,6]')}}`), /do not fit/],
    'a product of zero by overflow': [file(`{${tensor('w', 0, 0, '[9007199254740991,9007199254740991,0]')}}`, 0), /do not fit/],
    'nine axes': [file(`{${tensor('w', 0, 24, '[1,1,1,1,1,1,1,1,6]')}}`), /more than 8 numbers/],
    'a fraction': [file(`{${tensor('w', 0, 24, '[6.0]')}}`), /whole number/],
    'an exponent': [file(`{${tensor('w', 0, 24, '[6e0]')}}`), /whole number/],
    'a negative number': [file(`{${tensor('w', 0, 24, '[-6]')}}`), /whole number/],
    'a leading zero': [file(`{${tensor('w', 0, 24, '[06]')}}`), /header/],
    'a number past 2^53': [file(`{${tensor('w', 0, 24, '[9007199254740993]')}}`), /whole number/],
    'a gap': [file(`{${tensor('a', 0, 8)},${tensor('b', 12, 24)}}`), /leaves the bytes 8 to 12 before tensor b/],
    'a gap in front': [file(`{${tensor('w', 4, 24)}}`), /leaves the bytes 0 to 4/],
    'an overlap': [file(`{${tensor('a', 0, 16)},${tensor('b', 12, 24)}}`), /tensors a and b on the same bytes, 12 to 16/],
    'bytes after the tensors': [file(`{${tensor('w', 0, 20)}}`), /ends at byte \d+ with its tensors/],
    'missing bytes': [file(`{${tensor('w', 0, 24)}}`, 20), /m\.safetensors is incomplete: \d+ of \d+ bytes/],
    'an unknown dtype': [file(`{${tensor('w', 0, 24, '[24]', 'F8_E4M3')}}`), /dtype F8_E4M3.*convert/],
    'a dtype of the prototype': [file(`{${tensor('w', 0, 24, '[24]', 'toString')}}`), /dtype toString/],
    'a name over 512 bytes': [file(`{${tensor('é'.repeat(257), 0, 24)}}`), /name of over 512 bytes/],
    'half a character': [file(`{${tensor('\\ud800', 0, 24)}}`), /half a character/],
    'a control character': [file(`{${tensor('\n', 0, 24)}}`), /control character/],
    'a wrong escape': [file(`{${tensor('\\x', 0, 24)}}`), /wrong escape/],
    'a header that goes on': [file(`{${tensor('w', 0, 24)}}{}`), /goes on after its end/],
    'a trailing comma': [file(`{${tensor('w', 0, 24)},}`), /needs a string/],
    'an unfinished header': [file(`{${tensor('w', 0, 24)}`), /header needs/],
    'no tensors': [file('{}', 0), /no tensors/],
    'only metadata': [file('{"__metadata__":{"a":"b"}}', 0), /no tensors/],
  }; // prettier-ignore
  test.each(Object.entries(bad))('%s', async (rule, [bytes, words]) => {
    expect(isKept('safetensors', rule, bytes)).toBe(true);
    await expect(open(bytes)).rejects.toThrow(words);
    await expect(open(bytes)).rejects.toThrow(FileError);
  });

  test('over 65,536 tensors, in under a second', async () => {
    const names = Array.from({ length: 100_000 }, (_, i) => tensor(`t${i}`, 0, 0, '[0]')).join(',');
    const bytes = file(`{${names}}`, 0);
    const work = workWatch();
    await expect(open(bytes)).rejects.toThrow(/over 65536 tensors/);
    expect(work()).toBeLessThan(1000);
  });

  test('other kinds of files, by name and with the cure', async () => {
    const others: [string, RegExp][] = [
      ['<!DOCTYPE html><html>', /web page.*downloads the file itself/],
      ['version https://git-lfs.github.com/spec/v1\n', /Git LFS pointer/],
      ['GGUF\x03', /GGUF/],
      ['{"weight_map":{}}', /JSON, not weights/],
      ['hello', /neither a PyTorch checkpoint \(zip\) nor safetensors/],
      ['PK\x03\x04 half a zip', /incomplete/],
      ['', /empty/],
    ];
    for (const [content, words] of others) await expect(open(text(content), 'file.bin')).rejects.toThrow(words);
    await expect(open(Uint8Array.from([0x80, 2, 0x7d, 0x2e]), 'x.pth')).rejects.toThrow(/bare Python pickle/);
    await expect(open(Uint8Array.from([0x1f, 0x8b, 8, 0]), 'x.pth')).rejects.toThrow(/compressed archive/);
  });
});

describe('sharded', () => {
  const shards: Record<string, Uint8Array> = {
    'a.safetensors': file(`{${tensor('x', 0, 24)}}`),
    'both.safetensors': file(`{${tensor('x', 0, 12)},${tensor('y', 12, 24)}}`),
    'sub/b.safetensors': file(`{${tensor('y', 0, 24)}}`),
  };
  const index = (map: unknown): { name: string; text: string } => ({
    name: 'model.safetensors.index.json',
    text: JSON.stringify({ metadata: { total_size: 48, nested: [{ a: 'x}' }, null, -1.5e3] }, weight_map: map }),
  });
  const opened: string[] = [];
  const opener = async (name: string): Promise<ByteSource> => {
    opened.push(name);
    return bytesSource(name, shards[name]);
  };

  test('one file of all that the index lists', async () => {
    const joined = await openSharded(index({ x: 'a.safetensors', y: 'sub/b.safetensors' }), opener);
    expect([...joined.tensors.keys()]).toEqual(['x', 'y']);
    expect((await joined.read('y', { rows: [5, 1] }))[0]).toBe(20);
    expect(joined.name).toBe('model.safetensors.index.json');
    await expect(joined.read('z')).rejects.toThrow(/missing/);
  });

  test.each(['../x', '/etc/passwd', 'C:\\x', 'C:/x', 'a/../../b', 'a\\b', 'a\0b', '', '..', 'x'.repeat(5000)])(
    'the name %j is refused and nothing is opened',
    async (name) => {
      opened.length = 0;
      await expect(openSharded(index({ x: 'a.safetensors', y: name }), opener)).rejects.toThrow(/not a plain name/);
      expect(opened).toEqual([]);
    },
  );

  test('what shards hold must be what the index says', async () => {
    const opened = (map: unknown) => openSharded(index(map), opener);
    await expect(opened({ y: 'sub/b.safetensors', x: 'sub/b.safetensors' })).rejects.toThrow(
      /says that sub\/b\.safetensors holds tensor x, but it does not/,
    );
    await expect(opened({ x: 'both.safetensors', y: 'sub/b.safetensors' })).rejects.toThrow(
      /says that sub\/b\.safetensors holds tensor y, but both\.safetensors holds one of that name too/,
    );
    await expect(opened({ x: 'both.safetensors' })).rejects.toThrow(
      /does not list tensor y, which both\.safetensors holds/,
    );
    await expect(opened({ x: 'missing.safetensors' })).rejects.toThrow();
  });

  test('what the index promises must be there', async () => {
    await expect(openSharded(index({ z: 'a.safetensors' }), opener)).rejects.toThrow(
      /a\.safetensors holds tensor z, but/,
    );
    await expect(openSharded(index({}), opener)).rejects.toThrow(/lists no tensors/);
    await expect(openSharded(index([]), opener)).rejects.toThrow(FileError);
    await expect(openSharded({ name: 'i', text: '{"weight_map":{"a":"1","a":"2"}}' }, opener)).rejects.toThrow(
      /"a" twice/,
    );
    await expect(openSharded({ name: 'i', text: `{"x":${'['.repeat(100_000)}` }, opener)).rejects.toThrow(
      /needs a value/,
    );
  });
});

test('a later file counts over an earlier one', async () => {
  const first = await open(file(`{${tensor('a', 0, 12)},${tensor('b', 12, 24)}}`), 'first');
  const second = await open(file(`{${tensor('b', 0, 24, '[2,3]')}}`), 'second');
  const joined = joinTensorFiles([first, second]);
  expect(joined.name).toBe('first + second');
  expect(joined.tensors.get('b')?.shape).toEqual([2, 3]);
  expect((await joined.read('b')).length).toBe(24);
  expect((await joined.read('a'))[0]).toBe(0);
});

test('plain paths', () => {
  for (const name of ['a', 'a/b.c', 'modèle 日本 v1.0/data.pkl', '.data/x', 'a..b'])
    expect(isPlainPath(name)).toBe(true);
  for (const name of ['', '/a', '../a', 'a/..', 'a\nb', 'c:x']) expect(isPlainPath(name)).toBe(false);
});
