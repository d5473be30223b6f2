/**
 * The embedded model's files load to the weights that were published: shapes and SHA-256 of every tensor widened to f32, recorded once
 * from the originals with NumPy.
 */
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { expect, test } from 'vitest';
import { openTensorFile } from '../../../src/engine/formats/open.ts';
import { bytesSource } from '../../../src/engine/formats/source.ts';
import { toFloat32 } from '../../../src/engine/formats/stored_dtype.ts';
import type { TensorEntry, TensorFile } from '../../../src/engine/formats/tensor_file.ts';
import recorded from './harmon_tiny.json' with { type: 'json' };

const MODEL = new URL('../../../models/harmon-tiny/', import.meta.url);
const open = (name: string): Promise<TensorFile> =>
  openTensorFile(bytesSource(name, new Uint8Array(readFileSync(new URL(name, MODEL)))));
const hash = (bytes: Uint8Array, { dtype }: TensorEntry): string => {
  const floats = toFloat32(bytes, dtype);
  return createHash('sha256')
    .update(new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength))
    .digest('hex')
    .slice(0, 16);
};

for (const [name, tensors] of Object.entries(recorded)) {
  const [dtype, format] =
    name === 'harmon_tiny.pth' ? ['BF16', 'PyTorch checkpoint'] : ['F32', 'PyTorch checkpoint, weights under model'];

  test(`${name} holds the published weights`, async () => {
    const file = await open(name);
    const got: Record<string, unknown> = {};
    for (const entry of file.tensors.values())
      got[entry.name] = [entry.shape, hash(await file.read(entry.name), entry)];
    expect(got).toEqual(tensors);
    expect(new Set([...file.tensors.values()].map((entry) => entry.dtype))).toEqual(new Set([dtype]));
    expect(file.format).toBe(format);
  });

  test(`${name} read by rows, in order and out of order, is the same`, async () => {
    const file = await open(name);
    const largest = [...file.tensors.values()].sort(
      (a, b) => b.shape.reduce((x, y) => x * y, 1) - a.shape.reduce((x, y) => x * y, 1),
    );
    for (const entry of largest.slice(0, 14)) {
      const [rows] = entry.shape;
      const cut = Math.floor(rows / 3);
      const read = (start: number, count: number): Promise<Uint8Array> =>
        file.read(entry.name, { rows: [start, count] });
      const forwards = [await read(0, cut), await read(cut, cut), await read(2 * cut, rows - 2 * cut)];
      const backwards = [await read(2 * cut, rows - 2 * cut), await read(cut, cut), await read(0, cut)].reverse();
      const together = await Promise.all([read(0, cut), read(cut, cut), read(2 * cut, rows - 2 * cut)]);
      const want = (tensors as unknown as Record<string, unknown[]>)[entry.name][1];
      for (const parts of [forwards, backwards, together]) expect(hash(Buffer.concat(parts), entry)).toBe(want);
    }
  });
}

test('the folder stays under 30 MB', () => {
  const sizes = readdirSync(MODEL).map((name) => statSync(new URL(name, MODEL)).size);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(30_000_000);
});
