/**
 * Every file of tests/corpus/{torch,safetensors,rules} comes out as its expected.json says: loaded to these values, or refused in these
 * words. Those of rules, one broken file for each rule of the three parsers, are refused within limits of time and memory too.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { FileError } from '../../../src/engine/errors.ts';
import { openTensorFile } from '../../../src/engine/formats/open.ts';
import { bytesSource } from '../../../src/engine/formats/source.ts';
import { toFloat32 } from '../../../src/engine/formats/stored_dtype.ts';
import type { TensorFile } from '../../../src/engine/formats/tensor_file.ts';
import { workWatch } from '../../support/cpu_time.ts';

interface Expected {
  outcome: string;
  error_names?: string[];
  tensors?: Record<string, { dtype: string; shape: number[]; values: number[] }>;
}

const CORPUS = new URL('../../corpus/', import.meta.url);
const bytesOf = (path: string): Uint8Array => new Uint8Array(readFileSync(new URL(path, CORPUS)));
const open = (path: string): Promise<TensorFile> =>
  openTensorFile(bytesSource(path.slice(path.indexOf('/') + 1), bytesOf(path)));
/** Opens the file and reads every tensor of it, so that each storage is checked too. */
async function load(path: string): Promise<{ file: TensorFile; bytes: Map<string, Uint8Array> }> {
  const file = await open(path);
  const bytes = new Map<string, Uint8Array>();
  for (const name of file.tensors.keys()) bytes.set(name, await file.read(name));
  return { file, bytes };
}

for (const kind of ['torch', 'safetensors']) {
  const expected = JSON.parse(new TextDecoder().decode(bytesOf(`${kind}/expected.json`))) as Record<string, Expected>;
  describe(kind, () => {
    test.each(Object.entries(expected))('%s', async (path, { outcome, error_names = [], tensors = {} }) => {
      const work = workWatch();
      const loading = load(`${kind}/${path}`);
      if (outcome === 'refused') {
        const error: unknown = await loading.then(
          () => new Error('it loaded'),
          (reason: unknown) => reason,
        );
        expect(error).toBeInstanceOf(FileError);
        for (const word of error_names) expect((error as Error).message).toContain(word);
        expect((error as Error).message.length).toBeLessThan(400);
      } else {
        const { file, bytes } = await loading;
        expect([...file.tensors.keys()].sort()).toEqual(Object.keys(tensors).sort());
        for (const [name, { dtype, shape, values }] of Object.entries(tensors)) {
          const entry = file.tensors.get(name);
          expect(entry).toMatchObject({ dtype: dtype.toUpperCase(), shape });
          const got = toFloat32(bytes.get(name) as Uint8Array, dtype.toUpperCase() as 'F32');
          expect([...got]).toEqual(values.map(Math.fround));
        }
      }
      expect(work()).toBeLessThan(2000);
    });
    test('every file of the folder is one of the cases', () => {
      const files = readdirSync(new URL(`${kind}/`, CORPUS)).filter((name) => name !== 'expected.json');
      expect(files.sort()).toEqual(expect.arrayContaining(Object.keys(expected).sort()));
    });
  });
}

describe('rules', () => {
  const expected = JSON.parse(new TextDecoder().decode(bytesOf('rules/expected.json'))) as Record<string, Expected>;
  const refusal = (path: string): Promise<unknown> =>
    load(`rules/${path}`).then(
      () => new Error('it loaded'),
      (reason: unknown) => reason,
    );
  test.each(Object.entries(expected))('%s', async (path, { error_names = [] }) => {
    const error = await refusal(path);
    expect(error).toBeInstanceOf(FileError);
    expect(error_names).toHaveLength(1);
    expect((error as Error).message).toContain(error_names[0]);
    expect((error as Error).message.startsWith(path)).toBe(true);
    const used = () => process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers;
    const before = used();
    const work = workWatch();
    for (let i = 0; i < 3; i++) await refusal(path);
    expect(work() / 3, 'milliseconds').toBeLessThan(50);
    expect((used() - before) / 3, 'bytes').toBeLessThan(10e6);
  });
  test('has a file for each case and a case for each file', () => {
    const files = readdirSync(new URL('rules/', CORPUS)).filter((name) => name !== 'expected.json');
    expect(files.sort()).toEqual(Object.keys(expected).sort());
  });
});

describe('files written by PyTorch itself', () => {
  const names = ['flat', 'nested', 'ordered', 'parameter', 'shared_storage'];
  test.each(names)('%s.pth holds what the safetensors file beside it holds', async (name) => {
    const torch = await load(`torch/${name}.pth`);
    const safe = await load(`torch/${name}.safetensors`);
    const shapes = (file: TensorFile): unknown =>
      [...file.tensors.values()].map(({ name, dtype, shape }) => ({ name, dtype, shape }));
    expect(shapes(torch.file)).toEqual(expect.arrayContaining(shapes(safe.file) as unknown[]));
    expect(torch.file.tensors.size).toBe(safe.file.tensors.size);
    for (const [tensor, bytes] of safe.bytes) expect([...(torch.bytes.get(tensor) ?? [])], tensor).toEqual([...bytes]);
  });

  test.each(names)('%s.pth gives every tensor row by row as it gives it whole', async (name) => {
    const { file, bytes } = await load(`torch/${name}.pth`);
    for (const { name: tensor, shape } of file.tensors.values()) {
      if (!shape.length) continue;
      const rows: number[] = [];
      for (let row = 0; row < shape[0]; row++) rows.push(...(await file.read(tensor, { rows: [row, 1] })));
      expect(rows).toEqual([...(bytes.get(tensor) as Uint8Array)]);
    }
  });

  test('the key of the weights is told', async () => {
    expect((await open('torch/nested.pth')).format).toBe('PyTorch checkpoint, weights under model');
    expect((await open('torch/extras_after_weights_only_model.pth')).format).toBe(
      'PyTorch checkpoint, weights under state_dict',
    );
    expect((await open('torch/flat.pth')).format).toBe('PyTorch checkpoint');
  });

  test('the old format and a pickle that calls a function are refused by name', async () => {
    await expect(open('torch/legacy.pth')).rejects.toThrow(/old format.*1\.6.*torch\.save/);
    await expect(open('torch/forbidden.pth')).rejects.toThrow(/posix\.system.*never run/);
  });
});
