/** One truth or none: each rule of the zip reader, tried on a good checkpoint with one thing wrong. */
import { deflateSync } from 'fflate';
import { describe, expect, test } from 'vitest';
import { FileError } from '../../../src/engine/errors.ts';
import { crc32 } from '../../../src/engine/formats/crc32.ts';
import { openTensorFile } from '../../../src/engine/formats/open.ts';
import { bytesSource, type ByteSource } from '../../../src/engine/formats/source.ts';
import { openZip } from '../../../src/engine/formats/zip.ts';
import { workWatch } from '../../support/cpu_time.ts';
import {
  GOOD,
  SIX,
  latin1,
  makeZip,
  text,
  torchParts,
  u16,
  u32,
  u64,
  type EndFields,
  type Part,
} from '../../support/make_zip.ts';
import { isKept } from '../../support/rule_corpus.ts';

const parts = (change: (parts: Part[]) => void = () => undefined): Part[] => {
  const good = torchParts(GOOD);
  change(good);
  return good;
};
async function load(bytes: Uint8Array): Promise<number[]> {
  const file = await openTensorFile(bytesSource('m.pth', bytes));
  const out: number[] = [];
  for (const name of file.tensors.keys()) out.push(...(await file.read(name)));
  return out;
}
const zeros = new Uint8Array(200_000);
const zip64Extra = (...fields: bigint[]): number[] => [...u16(1), ...u16(8 * fields.length), ...fields.flatMap(u64)];

describe('loads', () => {
  const good: Record<string, () => Uint8Array> = {
    'as it is': () => makeZip(parts()),
    'all deflated': () => makeZip(parts((all) => all.forEach((part) => (part.deflate = true)))),
    'sizes after the data': () => makeZip(parts((all) => all.forEach((part) => {
      part.central = { flags: 0x808 };
      part.local = { flags: 0x808, crc: 0, size: 0, packedSize: 0 };
    }))),
    'a comment': () => makeZip(parts(), { comment: [...text('hello PK\x05\x06 there')] }),
    'bytes in front': () => Uint8Array.from([...text('#!/bin/sh\n'), ...makeZip(parts())]),
    'the Mac\'s doubles': () => makeZip([{ name: '__MACOSX/a/data.pkl', bytes: text('x') }, ...parts()]),
    'zip64 sizes that fit 32 bits': () => makeZip(parts((all) => {
      all[2].central = { size: 0xffffffff, packedSize: 0xffffffff, extra: zip64Extra(24n, 24n) };
    })),
    'a high ratio of few bytes': () => makeZip([...parts(), { name: 'a/zeros', bytes: zeros.subarray(0, 30_000), deflate: true }]),
  }; // prettier-ignore
  test.each(Object.entries(good))('%s', async (_, make) => {
    expect(await load(make())).toEqual([...SIX]);
  });
});

describe('refuses', () => {
  const edit =
    (index: number, change: Partial<Part>): (() => Uint8Array) =>
    () =>
      makeZip(parts((all) => Object.assign(all[index], change)));
  const ending =
    (end: EndFields): (() => Uint8Array) =>
    () =>
      makeZip(parts(), end);
  const named =
    (name: string): (() => Uint8Array) =>
    () =>
      makeZip([...parts(), { name, bytes: text('x') }]);
  const bad: Record<string, [() => Uint8Array, RegExp]> = {
    'another name in the local header': [edit(2, { local: { name: 'a/data/1' } }), /data\/0 has another name/],
    'another method in the local header': [edit(2, { local: { method: 8 } }), /data\/0 has another method/],
    'other flags in the local header': [edit(2, { local: { flags: 0 } }), /data\/0 has other flags/],
    'another size in the local header': [edit(2, { local: { size: 20 } }), /data\/0 has another size/],
    'another CRC in the local header': [edit(2, { local: { crc: 5 } }), /data\/0 has another size or CRC/],
    'a wrong CRC': [edit(2, { local: { crc: 5 }, central: { crc: 5 } }), /data\/0 is damaged: its CRC/],
    'a wrong CRC of a deflated entry': [edit(2, { deflate: true, local: { crc: 5 }, central: { crc: 5 } }), /data\/0 is damaged: its CRC/],
    'a name twice': [named('a/data/0'), /data\/0 twice/],
    'entries that overlap': [() => makeZip(parts((all) => (all[2].central = { offset: 1 }))), /overlap/],
    'an entry outside the file': [edit(2, { central: { offset: 1_000_000 } }), /data\/0 reaches outside/],
    'an entry in the directory': [edit(2, { central: { size: 90, packedSize: 90 } }), /data\/0 reaches outside/],
    'an entry longer than its place': [edit(1, { local: { extra: [0, 0, 0, 0] }, central: { size: 10, packedSize: 10 } }), /a\/byteorder/],
    encryption: [edit(2, { central: { flags: 0x801 } }), /data\/0 is encrypted/],
    'another compression': [edit(2, { central: { method: 12 } }), /data\/0 is compressed with method 12/],
    'a stored entry of two sizes': [edit(2, { central: { size: 4 } }), /data\/0 is stored but has two sizes/],
    'an absolute name': [named('/etc/passwd'), /not a plain relative path/],
    'a name that climbs': [named('a/../../b'), /not a plain relative path/],
    'a backslash': [named('a\\b'), /not a plain relative path/],
    'a drive': [named('C:/b'), /not a plain relative path/],
    'a NUL in a name': [named('a\0b'), /not a plain relative path/],
    'two checkpoints': [named('b/data.pkl'), /two checkpoints, a\/data\.pkl and b\/data\.pkl/],
    'no checkpoint': [() => makeZip([{ name: 'w.npy', bytes: text('x') }]), /without data\.pkl.*w\.npy/],
    'a ratio over 200': [() => makeZip([...parts(), { name: 'a/zeros', bytes: zeros, deflate: true }]), /a\/zeros would inflate/],
    'more than is stated': [edit(2, { deflate: true, packed: deflateSync(zeros.subarray(0, 4000)) }), /inflates to more than the 24/],
    'less than is stated': [edit(2, { deflate: true, packed: deflateSync(SIX.subarray(0, 20)) }), /inflates to 20 bytes where .* 24/],
    'broken compression': [edit(2, { deflate: true, packed: Uint8Array.from([7, 7, 7, 7]) }), /broken compressed data/],
    'cut compression': [edit(2, { deflate: true, packed: deflateSync(SIX).subarray(0, 4) }), /broken compressed data|inflates to/],
    'numbers past 2^53': [
      edit(2, { central: { size: 0xffffffff, packedSize: 0xffffffff, extra: zip64Extra(1n << 53n, 1n << 53n) } }),
      /broken zip64/,
    ],
    'a zip64 field that is missing': [edit(2, { central: { size: 0xffffffff, packedSize: 0xffffffff } }), /broken zip64/],
    'big endian': [() => makeZip(parts((all) => (all[1].bytes = text('big')))), /byte order "big"/],
    'several disks': [ending({ disk: 1 }), /one part of several/],
    'a directory shorter than its entries': [ending({ count: 2 }), /longer than its entries/],
    'a directory of more entries': [ending({ count: 4 }), /directory/],
    'a directory elsewhere': [ending({ directoryOffset: 0xfffffff }), /directory does not end/],
    'a directory of the wrong size': [ending({ directorySize: 5 }), /cannot take 5 bytes/],
    'two end records': [ending({ comment: [...text('PK\x05\x06'), ...new Array<number>(16).fill(0), 0, 0] }), /two end records/],
    'something after the end': [() => Uint8Array.from([...makeZip(parts()), 0]), /incomplete/],
  }; // prettier-ignore
  test.each(Object.entries(bad))('%s', async (rule, [make, words]) => {
    const bytes = make();
    expect(isKept('zip', rule, bytes)).toBe(true);
    const work = workWatch();
    await expect(load(bytes)).rejects.toThrow(words);
    await expect(load(bytes)).rejects.toThrow(FileError);
    expect(work()).toBeLessThan(500);
  });

  test('over 100,000 entries, by a zip64 end record', async () => {
    const plain = makeZip(parts(), { count: 0xffff });
    const end = plain.slice(-22);
    const before = plain.slice(0, -22);
    const size = BigInt(new DataView(end.buffer).getUint32(12, true));
    const offset = BigInt(new DataView(end.buffer).getUint32(16, true));
    const wide = (count: bigint): Uint8Array =>
      Uint8Array.from([
        ...before, ...text('PK\x06\x06'), ...u64(44n), ...u16(45), ...u16(45), ...u32(0), ...u32(0), ...u64(count), ...u64(count),
        ...u64(size), ...u64(offset), ...text('PK\x06\x07'), ...u32(0), ...u64(BigInt(before.length)), ...u32(1), ...end,
      ]); // prettier-ignore
    expect(await load(wide(3n))).toEqual([...SIX]);
    expect(isKept('zip', 'over 100000 entries', wide(100_001n))).toBe(true);
    await expect(load(wide(100_001n))).rejects.toThrow(/100001 entries; at most 100000/);
    await expect(load(wide(1n << 60n))).rejects.toThrow(FileError);
  });

  test('a safetensors file that is also a zip', async () => {
    const zip = makeZip(parts());
    const header = text(`{"x":{"dtype":"U8","shape":[${zip.length}],"data_offsets":[0,${zip.length}]}}`);
    const both = Uint8Array.from([...u64(BigInt(header.length)), ...header, ...zip]);
    expect(isKept('zip', 'a safetensors file too', both)).toBe(true);
    await expect(load(both)).rejects.toThrow(/safetensors file and a zip at once/);
  });

  test('every sixty-fourth of a file, as incomplete or damaged', async () => {
    const whole = makeZip(parts());
    for (let i = 1; i < 64; i++)
      await expect(load(whole.subarray(0, Math.floor((whole.length * i) / 64)))).rejects.toThrow(FileError);
    await expect(load(whole.subarray(0, whole.length - 1))).rejects.toThrow(/m\.pth is incomplete/);
  });
});

describe('reads by ranges', () => {
  const data = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 2654435761) >>> 24);
  const counted = (bytes: Uint8Array): { source: ByteSource; read: () => number } => {
    let total = 0;
    const source: ByteSource = {
      name: 'big.zip',
      size: bytes.length,
      read: async (offset, length) => {
        total += length;
        return bytes.slice(offset, offset + length);
      },
    };
    return { source, read: () => total };
  };

  test('a part of a stored entry costs its own bytes only', async () => {
    const { source, read } = counted(makeZip([{ name: 'x', bytes: data }]));
    const zip = await openZip(source);
    const entry = zip!.entries.get('x')!;
    const before = read();
    expect(await zip!.read(entry, { offset: 100_001, length: 50 })).toEqual(data.subarray(100_001, 100_051));
    expect(read() - before).toBeLessThan(200);
  });

  test.each([false, true])('pieces in any order are the whole (deflated: %s)', async (deflate) => {
    const zip = await openZip(counted(makeZip([{ name: 'x', bytes: data, deflate }])).source);
    const entry = zip!.entries.get('x')!;
    for (const offset of [0, 100_000, 200_000, 100_000, 0, 250_000]) {
      const piece = await zip!.read(entry, { offset, length: 50_000 });
      expect(Buffer.compare(piece, data.subarray(offset, offset + 50_000))).toBe(0);
    }
    expect(Buffer.compare(await zip!.read(entry), data)).toBe(0);
  });

  test.each([false, true])('pieces from start to end find a wrong CRC (deflated: %s)', async (deflate) => {
    const wrong = { crc: 1 };
    const zip = await openZip(
      counted(makeZip([{ name: 'x', bytes: data, deflate, local: wrong, central: wrong }])).source,
    );
    const entry = zip!.entries.get('x')!;
    await zip!.read(entry, { offset: 0, length: 200_000 });
    await expect(zip!.read(entry, { offset: 200_000, length: 100_000 })).rejects.toThrow(/CRC is wrong/);
  });

  test('five gigabytes behind zip64 are read where they are', async () => {
    const size = 5_000_000_000n;
    const fields = [
      ...u16(20),
      ...u16(0x800),
      ...u16(0),
      ...u32(0),
      ...u32(7),
      ...u32(0xffffffff),
      ...u32(0xffffffff),
      ...u16(1),
    ];
    const extra = zip64Extra(size, size);
    const head = [...text('PK\x03\x04'), ...fields, ...u16(extra.length), ...text('x'), ...extra];
    const start = BigInt(head.length) + size;
    const central = [
      ...text('PK\x01\x02'), ...u16(20), ...fields, ...u16(extra.length), ...u16(0), ...u16(0), ...u16(0), ...u32(0), ...u32(0),
      ...text('x'), ...extra,
    ]; // prettier-ignore
    const tail = Uint8Array.from([
      ...central, ...text('PK\x06\x06'), ...u64(44n), ...u16(45), ...u16(45), ...u32(0), ...u32(0), ...u64(1n), ...u64(1n),
      ...u64(BigInt(central.length)), ...u64(start), ...text('PK\x06\x07'), ...u32(0), ...u64(start + BigInt(central.length)), ...u32(1),
      ...text('PK\x05\x06'), ...u32(0), ...u16(1), ...u16(1), ...u32(central.length), ...u32(0xffffffff), ...u16(0),
    ]); // prettier-ignore
    const source: ByteSource = {
      name: 'huge.zip',
      size: Number(start) + tail.length,
      read: async (offset, length) =>
        Uint8Array.from({ length }, (_, i) => {
          const at = offset + i;
          return at < head.length ? head[at] : at >= Number(start) ? tail[at - Number(start)] : at & 255;
        }),
    };
    const zip = await openZip(source);
    const entry = zip!.entries.get('x')!;
    expect(entry.size).toBe(Number(size));
    const first = (4_999_999_990 + head.length) & 255;
    expect([...(await zip!.read(entry, { offset: 4_999_999_990, length: 3 }))]).toEqual(
      [0, 1, 2].map((i) => (first + i) & 255),
    );
  });

  test('a source that gives too little is named as incomplete', async () => {
    const bytes = makeZip([{ name: 'x', bytes: data }]);
    const short: ByteSource = {
      name: 'short.zip',
      size: bytes.length,
      read: async (offset, length) => bytes.slice(offset, Math.min(offset + length, 1000)),
    };
    await expect(openZip(short)).rejects.toThrow(/short\.zip is incomplete/);
  });

  test('an aborted read stops', async () => {
    const controller = new AbortController();
    const zip = await openZip(counted(makeZip([{ name: 'x', bytes: data }])).source);
    controller.abort();
    await expect(zip!.read(zip!.entries.get('x')!, undefined, controller.signal)).rejects.toMatchObject({
      code: 'aborted',
    });
  });
});

test('crc32 is the zip CRC, at every alignment and length, whole or continued', () => {
  expect(crc32(text('123456789'))).toBe(0xcbf43926);
  const bytes = latin1(Array.from({ length: 64 }, (_, i) => String.fromCharCode((i * 37) & 255)).join(''));
  const slow = (part: Uint8Array): number => {
    let c = 0xffffffff;
    for (const byte of part) {
      c ^= byte;
      for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
    }
    return ~c >>> 0;
  };
  for (let from = 0; from < 9; from++)
    for (let to = from; to <= 64; to++) {
      const part = bytes.subarray(from, to);
      expect(crc32(part)).toBe(slow(part));
      const cut = from + ((to - from) >> 1);
      expect(crc32(bytes.subarray(cut, to), crc32(bytes.subarray(from, cut)))).toBe(slow(part));
    }
});
