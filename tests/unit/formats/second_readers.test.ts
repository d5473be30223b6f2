/** Good files through our readers and through others': zip.js for zips, pickleparser for pickles, a plain reader for safetensors. */
import { readFileSync, readdirSync } from 'node:fs';
import { Uint8ArrayReader, Uint8ArrayWriter, ZipReader, configure } from '@zip.js/zip.js';
import { Parser } from 'pickleparser';
import { describe, expect, test } from 'vitest';
import { FileError } from '../../../src/engine/errors.ts';
import { openTensorFile } from '../../../src/engine/formats/open.ts';
import { bytesSource } from '../../../src/engine/formats/source.ts';
import { openZip } from '../../../src/engine/formats/zip.ts';
import { makeSafetensors } from '../../fuzz/make_safetensors.ts';
import { makeTorch } from '../../fuzz/make_torch.ts';
import { randomOf } from '../../fuzz/random.ts';

configure({ useWebWorkers: false });

const CORPUS = new URL('../../corpus/', import.meta.url);
const MODEL = new URL('../../../models/harmon-tiny/', import.meta.url);
const bytesOf = (path: URL): Uint8Array => new Uint8Array(readFileSync(path));
const good = (kind: string): [string, Uint8Array][] => {
  const expected = JSON.parse(readFileSync(new URL(`${kind}/expected.json`, CORPUS), 'utf8')) as Record<
    string,
    { outcome: string }
  >;
  return Object.entries(expected)
    .filter(([, { outcome }]) => outcome !== 'refused')
    .map(([name]) => [name, bytesOf(new URL(`${kind}/${name}`, CORPUS))]);
};
/** Files of the fuzzer that our reader takes whole; of the others nothing is asked. */
async function made(make: typeof makeTorch, count: number): Promise<[string, Uint8Array][]> {
  const taken: [string, Uint8Array][] = [];
  for (let i = 0; i < count; i++) {
    const bytes = make(randomOf(7, i));
    const source = bytesSource(`#${i}`, bytes);
    try {
      await openTensorFile(source);
      const zip = await openZip(source);
      for (const entry of zip?.entries.values() ?? []) await zip!.read(entry);
      taken.push([source.name, bytes]);
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
    }
  }
  return taken;
}
const torchFiles = async () => [
  ...good('torch'),
  ...['flat', 'nested', 'ordered', 'parameter', 'shared_storage'].map((name): [string, Uint8Array] => [
    `${name}.pth`,
    bytesOf(new URL(`torch/${name}.pth`, CORPUS)),
  ]),
  ...(await made(makeTorch, 1000)),
];

describe('zip', () => {
  // What other readers make of these two is their own affair.
  const OURS_ALONE = ['comment_with_signature.pth', 'leading_bytes.pth'];

  test('has the entries and the bytes that zip.js finds', async () => {
    const files = (await torchFiles()).filter(([name]) => !OURS_ALONE.includes(name));
    files.push(['kl16_tiny.ckpt', bytesOf(new URL('kl16_tiny.ckpt', MODEL))]);
    expect(files.length).toBeGreaterThan(100);
    for (const [name, bytes] of files) {
      const ours = await openZip(bytesSource(name, bytes));
      const theirs = await new ZipReader(new Uint8ArrayReader(bytes)).getEntries();
      expect([...ours!.entries.keys()].sort(), name).toEqual(theirs.map(({ filename }) => filename).sort());
      for (const entry of theirs) {
        if (entry.directory) continue;
        const read = () => ours!.read(ours!.entries.get(entry.filename)!);
        const content = await entry.getData(new Uint8ArrayWriter(), { checkSignature: true });
        expect(Buffer.compare(await read(), content), `${name}: ${entry.filename}`).toBe(0);
      }
    }
  });
});

describe('pickle', () => {
  interface Seen {
    readonly storage: readonly unknown[];
    readonly offset: number;
    readonly shape: readonly number[];
    readonly strides: readonly number[];
  }
  const isSeen = (value: unknown): value is Seen => typeof value === 'object' && value !== null && 'storage' in value;
  class OrderedDict extends Map<unknown, unknown> {
    __setstate__(): void {} // dropped, as here
  }

  /** The dict of tensors as pickleparser finds it, wherever it is nested. */
  function tensorsOf(pickle: Uint8Array): Map<string, Seen> {
    const parser = new Parser({
      unpicklingTypeOfDictionary: 'Map',
      persistentResolver: { resolve: (id: unknown) => id },
      nameResolver: {
        resolve(_, name) {
          if (name === 'OrderedDict') return () => new OrderedDict();
          if (/^_rebuild_tensor/.test(name))
            return (storage: readonly unknown[], offset: number, shape: number[], strides: number[]): Seen => ({
              storage, offset, shape, strides,
            }); // prettier-ignore
          if (/^_rebuild_parameter/.test(name)) return (tensor: unknown) => tensor;
          return function () {
            return {};
          };
        },
      },
    });
    let root = parser.parse<unknown>(pickle);
    for (const key of ['model', 'state_dict'])
      if (root instanceof Map && ![...root.values()].some(isSeen) && root.get(key) instanceof Map) root = root.get(key);
    return new Map([...(root as Map<string, unknown>)].filter((entry): entry is [string, Seen] => isSeen(entry[1])));
  }

  test('describes the tensors that pickleparser finds', async () => {
    const files = await torchFiles();
    let compared = 0;
    for (const [name, bytes] of files) {
      const zip = (await openZip(bytesSource(name, bytes)))!;
      const prefix = [...zip.entries.keys()].find(
        (key) => /(^|\/)data\.pkl$/.test(key) && !key.startsWith('__MACOSX'),
      )!;
      const theirs = tensorsOf(await zip.read(zip.entries.get(prefix)!));
      const ours = await openTensorFile(bytesSource(name, bytes));
      const strip = (key: string) => ([...theirs.keys()].every((k) => k.startsWith('module.')) ? key.slice(7) : key);
      expect([...ours.tensors.keys()].sort(), name).toEqual([...theirs.keys()].map(strip).sort());
      for (const [key, { storage, offset, shape, strides }] of theirs) {
        expect(ours.tensors.get(strip(key))!.shape, name).toEqual(shape);
        // Element by element, from the storage as the second reader says where each is.
        const data = await zip.read(zip.entries.get(prefix.replace(/data\.pkl$/, `data/${storage[2] as string}`))!);
        const got = await ours.read(strip(key)).catch(() => undefined);
        const count = shape.reduce((a, b) => a * b, 1);
        const width = got && count ? got.length / count : 0;
        const wanted: number[] = [];
        for (let i = 0; i < count; i++) {
          let [rest, at] = [i, offset];
          for (let axis = shape.length - 1; axis >= 0; axis--) {
            at += (rest % shape[axis]) * strides[axis];
            rest = Math.floor(rest / shape[axis]);
          }
          wanted.push(...data.subarray(at * width, (at + 1) * width));
        }
        expect([...got!], `${name}: ${key}`).toEqual(wanted);
        compared++;
      }
    }
    expect(compared).toBeGreaterThan(200);
  });
});

describe('safetensors', () => {
  test('holds the bytes that a plain reader finds', async () => {
    const recordings = new URL('../../golden/data/', import.meta.url);
    const files = [
      ...good('safetensors'),
      ...readdirSync(recordings)
        .filter((name) => name.endsWith('.safetensors'))
        .map((name): [string, Uint8Array] => [name, bytesOf(new URL(name, recordings))]),
      ...(await made(makeSafetensors, 1000)),
    ];
    expect(files.length).toBeGreaterThan(150);
    for (const [name, bytes] of files) {
      const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
      const text = new TextDecoder().decode(bytes.subarray(8, 8 + length));
      type Entry = { dtype: string; shape: number[]; data_offsets: [number, number] };
      const { __metadata__: _, ...theirs } = JSON.parse(text) as Record<string, Entry>;
      const ours = await openTensorFile(bytesSource(name, bytes));
      expect([...ours.tensors.keys()].sort(), name).toEqual(Object.keys(theirs).sort());
      for (const [key, { dtype, shape, data_offsets }] of Object.entries(theirs)) {
        expect(ours.tensors.get(key)).toMatchObject({ dtype, shape });
        const [begin, end] = data_offsets.map((offset) => 8 + length + offset);
        expect(Buffer.compare(await ours.read(key), bytes.subarray(begin, end)), `${name}: ${key}`).toBe(0);
      }
    }
  });
});
