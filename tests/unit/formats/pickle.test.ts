/**
 * The pickle reader against hand-made pickles: what PyTorch writes loads, everything else is refused in a sentence, at once, with nothing
 * called. Each bad pickle stands in an otherwise good checkpoint.
 */
import { describe, expect, test } from 'vitest';
import { FileError } from '../../../src/engine/errors.ts';
import { openTensorFile } from '../../../src/engine/formats/open.ts';
import { bytesSource } from '../../../src/engine/formats/source.ts';
import type { TensorFile } from '../../../src/engine/formats/tensor_file.ts';
import { workWatch } from '../../support/cpu_time.ts';
import { GOOD, P, SIX, W, latin1, makeZip, torchParts, u32, u64 } from '../../support/make_zip.ts';
import { isKept } from '../../support/rule_corpus.ts';

const open = (pickle: string, storages?: Record<string, Uint8Array>): Promise<TensorFile> =>
  openTensorFile(bytesSource('m.pth', makeZip(torchParts(pickle, storages))));
const chars = (bytes: number[]): string => String.fromCharCode(...bytes);
/** A dict with a good tensor `w` beside another value. */
const beside = (value: string): string => `${P.start}${P.dict({ w: W, x: value })}.`;
/** A pickle of protocol 4 in one frame. */
const framed = (body: string): string => `\x80\x04\x95${chars(u64(BigInt(body.length)))}${body}`;
const floats = async (file: TensorFile, name = 'w'): Promise<number[]> => [
  ...new Float32Array((await file.read(name)).slice().buffer),
];

describe('loads', () => {
  const good: Record<string, string> = {
    'protocol 2': GOOD,
    'protocol 3': GOOD.replace('\x80\x02', '\x80\x03'),
    'protocol 4 with a frame, memo and stack globals': framed([
      '}\x94(\x8c\x01w\x94\x8c\x0ctorch._utils\x94\x8c\x12_rebuild_tensor_v2\x94\x93\x94',
      P.tuple(P.storage('FloatStorage', '0', 6), 'K\x00', P.tuple('K\x02', 'K\x03'), P.tuple('K\x03', 'K\x01'), '\x89', P.ordered),
      'Ru.',
    ].join('')),
    'an OrderedDict with a state': `${P.start}${P.ordered}(${P.str('w')}${W}u}(${P.str('_metadata')}${P.ordered}ub.`,
    'a tensor from a GPU': GOOD.replace(P.str('cpu'), P.str('cuda:3')),
    'a large integer beside it': beside(`\x8a\x09${chars([1, 2, 3, 4, 5, 6, 7, 8, 9])}`),
    'a negative integer beside it': beside('\x8a\x01\xff'),
    'a LONG4 beside it': beside(`\x8b${chars(u32(300))}${'\x7f'.repeat(300)}`),
    'a float, bytes, None and a list beside it': beside(`(G${'\0'.repeat(8)}C\x02abNt`),
    'a list beside it': beside(`](K\x01K\x02e`),
    'a device beside it': beside(`${P.global('torch', 'device')}${P.tuple(P.str('cuda'), 'K\x00')}R`),
    'a torch.Size beside it': beside(`${P.global('torch', 'Size')}${P.tuple(P.tuple('K\x01'))}R`),
    'a dtype beside it': beside(P.global('torch', 'bfloat16')),
    'a NumPy scalar beside it': beside(
      `${P.global('numpy.core.multiarray', 'scalar')}${P.tuple(
        `${P.global('numpy', 'dtype')}${P.tuple(P.str('f8'), '\x89', '\x88')}R(K\x03${P.str('<')}NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb`,
        `${P.global('_codecs', 'encode')}${P.tuple(P.str('abcdefgh'), P.str('latin1'))}R`,
      )}R`,
    ),
    'a Namespace beside it': beside(`${P.global('argparse', 'Namespace')})\x81}(${P.str('lr')}K\x01ub`),
    '__proto__ as a name beside it': `${P.start}${P.dict({ w: W, ['__proto__']: 'K\x01' })}.`,
    'an untyped storage, by _rebuild_tensor_v3': `${P.start}${P.dict({
      w: `${P.global('torch._utils', '_rebuild_tensor_v3')}${P.tuple(
        P.storage('UntypedStorage', '0', 24, 'torch.storage'), 'K\x00', P.tuple('K\x06'), P.tuple('K\x01'), '\x89', P.ordered,
        P.global('torch', 'float32'),
      )}R`,
    })}.`,
    'a parameter with a state': `${P.start}${P.dict({
      w: `${P.global('torch._utils', '_rebuild_parameter_with_state')}${P.tuple(W, '\x88', P.ordered, '}')}R`,
    })}.`,
    'names wrapped in module.': `${P.start}${P.dict({ 'module.w': W })}.`,
  }; // prettier-ignore
  test.each(Object.entries(good))('%s', async (_, pickle) => {
    const file = await open(pickle);
    expect([...file.tensors.keys()]).toEqual(['w']);
    expect(await floats(file)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test('a tensor named __proto__ is a tensor', async () => {
    const file = await open(`${P.start}}(${P.str('__proto__')}${W}u.`);
    expect([...file.tensors.keys()]).toEqual(['__proto__']);
    expect(await floats(file, '__proto__')).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test('strided views: transposed, by rows, stepped, with an offset', async () => {
    const view = (offset: number, size: number[], stride: number[]): string =>
      P.tensor(P.storage('FloatStorage', '0', 6), offset, size, stride);
    const file = await open(
      `${P.start}${P.dict({ t: view(0, [3, 2], [1, 3]), step: view(1, [2], [3]), one: view(5, [], []), cube: view(0, [1, 3, 2], [9, 1, 3]) })}.`,
    );
    expect(await floats(file, 't')).toEqual([1, 4, 2, 5, 3, 6]);
    expect(await floats(file, 'cube')).toEqual([1, 4, 2, 5, 3, 6]);
    expect(await floats(file, 'step')).toEqual([2, 5]);
    expect(await floats(file, 'one')).toEqual([6]);
    const rows = await file.read('t', { rows: [1, 2] });
    expect([...new Float32Array(rows.slice().buffer)]).toEqual([2, 5, 3, 6]);
    await expect(file.read('t', { rows: [2, 2] })).rejects.toThrow(/rows 2 to 4 are not in it/);
    await expect(file.read('gone')).rejects.toThrow(/m\.pth: tensor gone is missing/);
  });
});

describe('refuses', () => {
  const long = (value: string): string => `X${chars(u32(value.length))}${value}`;
  const bad: Record<string, [string, RegExp]> = {
    'nothing at all': ['', /protocol/],
    'no PROTO': [GOOD.slice(2), /protocol/],
    'protocol 1': [GOOD.replace('\x80\x02', '\x80\x01'), /protocol/],
    'protocol 5': [GOOD.replace('\x80\x02', '\x80\x05'), /protocol/],
    'a second PROTO': [`${P.start}\x80\x02${GOOD.slice(2)}`, /opcode 0x80/],
    'a missing STOP': [GOOD.slice(0, -1), /without its STOP/],
    'bytes after STOP': [`${GOOD}}`, /1 bytes after its end/],
    'two pickles': [GOOD + GOOD, /bytes after its end/],
    'two values at STOP': [`${P.start}}}.`, /one dict of tensors but holds 2 values/],
    'no value at STOP': [`${P.start}.`, /holds 0 values/],
    'an open MARK at STOP': [`${P.start}}(.`, /must hold one dict/],
    'a MARK that was never set': [`${P.start}u.`, /never opened/],
    'a pop below the MARK': [`${P.start}K\x01(\x85t.`, /empty stack/],
    'the tiny file of an endless loop': ['\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\xff', /frame of/],
    'six bytes that send other readers backwards': ['\x80\x02B\xfb\xff\xff\xff.', /has 4294967291 bytes in one value/],
    'a frame longer than the file': [`\x80\x04\x95${chars(u64(1n << 40n))}${GOOD.slice(2)}`, /frame of/],
    'a PUT that overwrites': [`${P.start}}q\x00q\x00.`, /memo entry 0 twice/],
    'BINPUT beside MEMOIZE': [`${P.start}}q\x00\x94.`, /mixes two ways/],
    'a GET of nothing': [`${P.start}h\x07.`, /memo entry 7, which was never stored/],
    'a LONG_BINGET of nothing': [`${P.start}j${chars(u32(0xffffffff))}.`, /never stored/],
    'text PUT': [`${P.start}}p0\n.`, /opcode 0x70/],
    'text GET': [`${P.start}}g0\n.`, /opcode 0x67/],
    POP: [`${P.start}${W}0}.`, /opcode 0x30/],
    'POP_MARK': [`${P.start}}(1.`, /opcode 0x31/],
    DUP: [`${P.start}}2.`, /opcode 0x32/],
    INST: [`${P.start}(ios\nsystem\n.`, /opcode 0x69/],
    OBJ: [`${P.start}(${P.global('collections', 'OrderedDict')}o.`, /opcode 0x6f/],
    EXT1: [`${P.start}\x82\x01.`, /opcode 0x82/],
    EXT4: [`${P.start}\x84\x01\0\0\0.`, /opcode 0x84/],
    'PERSID text': [`${P.start}Pfoo\n.`, /opcode 0x50/],
    NEWOBJ_EX: [`${P.start}\x92.`, /opcode 0x92/],
    'protocol-5 buffers': [`${P.start}\x97.`, /opcode 0x97/],
    'an unknown opcode': [`${P.start}\xff.`, /opcode 0xff/],
    'os.system': [beside(`${P.global('os', 'system')}${P.tuple(P.str('x'))}R`), /os\.system.*never run/],
    'builtins.eval by STACK_GLOBAL': ['\x80\x04\x8c\x08builtins\x8c\x04eval\x93.', /builtins\.eval/],
    'a dotted way to a function': ['\x80\x04\x8c\x05torch\x8c\x10_utils.os.system\x93.', /torch\._utils/],
    'a name with the right end': [beside(P.global('evil', '_rebuild_tensor_v2')), /evil\._rebuild_tensor_v2/],
    'a name with the right start': [beside(P.global('torch._utils', '_rebuild_tensor_v2x')), /_rebuild_tensor_v2x/],
    'a name with a space moved': [beside(P.global('torch', ' FloatStorage')), /FloatStorage/],
    'STACK_GLOBAL of numbers': ['\x80\x04K\x01K\x02\x93.', /not text/],
    'STACK_GLOBAL of nothing': ['\x80\x04\x93.', /empty stack/],
    'a GLOBAL without an end': [`${P.start}ctorch`, /name without an end/],
    'a REDUCE of a storage class': [beside(`${P.global('torch', 'FloatStorage')})R`), /not a known constructor/],
    'a REDUCE of text': [beside(`${P.str('os')})R`), /not a known constructor/],
    'a REDUCE without a tuple': [beside(`${P.global('collections', 'OrderedDict')}K\x01R`), /without a tuple/],
    'an OrderedDict of arguments': [beside(`${P.global('collections', 'OrderedDict')}${P.tuple(']')}R`), /with arguments/],
    'NEWOBJ of a constructor': [beside(`${P.global('torch._utils', '_rebuild_tensor_v2')})\x81`), /class that is not known/],
    'BUILD on a dict': [`${P.start}${P.dict({ w: W })}}b.`, /state of something/],
    'BUILD on a tensor': [beside(`${W}}b`), /state of something/],
    'BUILD on a tuple': [beside(`)}b`), /state of something/],
    'BUILD on a class': [beside(`${P.global('argparse', 'Namespace')}}b`), /state of something/],
    'BUILD on nothing': [`${P.start}}b.`, /empty stack/],
    'SETITEM on a tuple': [`${P.start})K\x01K\x02s.`, /not a dict/],
    'APPEND on a dict': [`${P.start}}K\x01a.`, /not a list/],
    'a key without a value': [`${P.start}}(K\x01u.`, /key without a value/],
    'a key twice': [`${P.start}}(${P.str('w')}${W}${P.str('w')}${W}u.`, /key w twice/],
    'a string longer than the file': [`${P.start}X${chars(u32(60_000))}ab`, /ends in the middle/],
    'a string of 2^31 bytes': [`${P.start}X\xff\xff\xff\xff.`, /string of 4294967295 bytes/],
    'a string of 2^63 bytes': [`${P.start}\x8d${chars(u64(1n << 63n))}.`, /string of/],
    'bytes of 2^64 - 1': [`${P.start}\x8e${chars(u64((1n << 64n) - 1n))}.`, /bytes in one value/],
    'an integer of 2^31 bytes': [`${P.start}\x8b\x00\x00\x00\x80.`, /integer of/],
    'a string over 64 KB': [beside(long('a'.repeat(65_537))), /string of 65537 bytes/],
    'a string that is not UTF-8': [beside(long('\xff\xfe')), /not UTF-8/],
    'nested tuples': [`${P.start})${'\x85'.repeat(100)}.`, /deeper than 64/],
    'nested marks': [`${P.start}${'('.repeat(100)}.`, /deeper than 64/],
    'nested lists': [`${P.start}${']'.repeat(100)}${'a'.repeat(99)}.`, /deeper than 64/],
    'a dict in itself': [`${P.start}}q\0${`${P.str('a')}h\0s`.repeat(1)}.`, /no tensors/],
    'a million dicts': [`${P.start}${'}'.repeat(1_000_000)}.`, /more than 250000 dicts/],
    'a million opcodes': [`${P.start}${'N'.repeat(1_000_001)}.`, /more than 1000000 opcodes/],
    'only a tensor': [`${P.start}${W}.`, /dict.*single tensor/],
    'only a list': [`${P.start}].`, /dict.*a list/],
    'only a number': [`${P.start}K\x01.`, /dict.*a number/],
    'only a state under model': [`${P.start}${P.dict({ model: 'K\x01' })}.`, /no tensors/],
    'tensors under another key': [`${P.start}${P.dict({ ema: P.dict({ w: W }) })}.`, /tensors under ema/],
  }; // prettier-ignore
  test.each(Object.entries(bad))('%s', async (rule, [pickle, words]) => {
    const bytes = makeZip(torchParts(pickle));
    expect(isKept('pickle', rule, bytes)).toBe(true);
    const work = workWatch();
    const error: unknown = await openTensorFile(bytesSource('m.pth', bytes)).then(
      () => new Error('it loaded'),
      (reason: unknown) => reason,
    );
    expect(work()).toBeLessThan(pickle.length < 4096 ? 250 : 2000); // milliseconds
    expect(error).toBeInstanceOf(FileError);
    expect((error as Error).message).toMatch(words);
    expect((error as Error).message).toMatch(/^m\.pth/);
  });
});

describe('tensors that reach outside their storage', () => {
  const storage = P.storage('FloatStorage', '0', 6);
  const one = (tensor: string): string => `${P.start}${P.dict({ w: tensor })}.`;
  const huge = `\x8a\x08${chars(u64((1n << 62n) + 1n))}`;
  const bad: Record<string, [string, RegExp]> = {
    'an offset past the end': [one(P.tensor(storage, 1, [2, 3], [3, 1])), /element 6 of a\/data\/0, which has 6/],
    'a stride past the end': [one(P.tensor(storage, 0, [2, 3], [4, 1])), /element 6/],
    'a negative stride': [one(P.tensor(storage, 5, [2], [-1])), /broken shape/],
    'a negative offset': [one(P.tensor(storage, -1, [2], [1])), /broken shape/],
    'a negative size': [one(P.tensor(storage, 0, [-2], [1])), /broken shape/],
    'sizes whose product overflows': [one(P.tensor(storage, 0, [0x7fffffff, 0x7fffffff, 4], [0, 0, 0])), /broken shape/],
    'a size past 2^53': [one(P.tensor(storage, 0, [6], [1]).replace(P.int(6) + 't', huge + 't')), /broken shape|storage/],
    'one element told a billion times': [one(P.tensor(storage, 0, [1_000_000_000], [0])), /repeats the 6 elements/],
    'nine axes': [one(P.tensor(storage, 0, new Array<number>(9).fill(1), new Array<number>(9).fill(1))), /broken shape/],
    'fewer strides than sizes': [one(P.tensor(storage, 0, [2, 3], [3])), /broken shape/],
    'a storage that is not there': [one(P.tensor(P.storage('FloatStorage', '9', 6), 0, [6], [1])), /data\/9, which is not in the file/],
    'a storage that climbs': [one(P.tensor(P.storage('FloatStorage', '../data.pkl', 6), 0, [6], [1])), /not in the file/],
    'a storage smaller than stated': [one(P.tensor(P.storage('FloatStorage', '0', 7), 0, [6], [1])), /28 bytes but a\/data\/0 has 24/],
    'a storage larger than stated': [one(P.tensor(P.storage('FloatStorage', '0', 4), 0, [4], [1])), /16 bytes but a\/data\/0 has 24/],
    'quantised elements': [one(P.tensor(P.storage('QInt8Storage', '0', 24), 0, [24], [1])), /torch\.QInt8Storage/],
    'complex elements': [one(P.tensor(P.storage('ComplexFloatStorage', '0', 3), 0, [3], [1])), /torch\.ComplexFloatStorage/],
    'an untyped storage without a dtype': [one(P.tensor(P.storage('UntypedStorage', '0', 24, 'torch.storage'), 0, [6], [1])), /does not fit/],
    'no storage': [one(P.tensor('N', 0, [6], [1])), /no storage/],
    'a storage made by a call': [one(P.tensor(W, 0, [6], [1])), /no storage/],
    'a parameter of a parameter': [
      one(`${P.global('torch._utils', '_rebuild_parameter')}${P.tuple(`${P.global('torch._utils', '_rebuild_parameter')}${P.tuple(W)}R`)}R`),
      /no plain tensor/,
    ],
    'a constructor without arguments': [one(`${P.global('torch._utils', '_rebuild_tensor_v2')})R`), /no storage/],
  }; // prettier-ignore
  test.each(Object.entries(bad))('%s', async (rule, [pickle, words]) => {
    expect(isKept('pickle', rule, makeZip(torchParts(pickle)))).toBe(true);
    await expect(open(pickle)).rejects.toThrow(words);
    await expect(open(pickle)).rejects.toThrow(FileError);
  });
});

test('every storage class reads its own elements', async () => {
  const bytes = { F: SIX, I: latin1('\x01\0\0\0\xff\xff\xff\xff'), B: latin1('\x01\x00\x02') };
  const file = await open(
    `${P.start}${P.dict({
      f64: P.tensor(P.storage('DoubleStorage', 'F', 3), 0, [3], [1]),
      f16: P.tensor(P.storage('HalfStorage', 'F', 12), 0, [12], [1]),
      i64: P.tensor(P.storage('LongStorage', 'I', 1), 0, [1], [1]),
      i32: P.tensor(P.storage('IntStorage', 'I', 2), 0, [2], [1]),
      i16: P.tensor(P.storage('ShortStorage', 'I', 4), 0, [4], [1]),
      i8: P.tensor(P.storage('CharStorage', 'B', 3), 0, [3], [1]),
      u8: P.tensor(P.storage('ByteStorage', 'B', 3), 0, [3], [1]),
      bool: P.tensor(P.storage('BoolStorage', 'B', 3), 0, [3], [1]),
    })}.`,
    bytes,
  );
  const got = Object.fromEntries([...file.tensors.values()].map(({ name, dtype }) => [name, dtype]));
  expect(got).toEqual({ f64: 'F64', f16: 'F16', i64: 'I64', i32: 'I32', i16: 'I16', i8: 'I8', u8: 'U8', bool: 'BOOL' });
  expect(await file.read('i32')).toEqual(bytes.I);
});
