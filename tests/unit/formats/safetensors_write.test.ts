/** What is laid out is what the reader reads, and every tensor lies where its type wants it. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ArgumentError } from '../../../src/engine/errors.ts';
import { openTensorFile } from '../../../src/engine/formats/open.ts';
import { layOutSafetensors } from '../../../src/engine/formats/safetensors_write.ts';
import { bytesSource } from '../../../src/engine/formats/source.ts';
import { STORED_BYTES, type StoredDtype } from '../../../src/engine/formats/stored_dtype.ts';
import { type TensorEntry, storedSize } from '../../../src/engine/formats/tensor_file.ts';

const entries = fc.uniqueArray(
  fc.record<TensorEntry>({
    name: fc.oneof(
      fc.constantFrom('__proto__', '0', '10', 'a.weight', '权重"\\'),
      fc.string({ minLength: 1, maxLength: 20 }),
    ),
    dtype: fc.constantFrom(...(Object.keys(STORED_BYTES) as StoredDtype[])),
    shape: fc.array(fc.nat({ max: 5 }), { maxLength: 4 }),
  }),
  { selector: ({ name }) => name, minLength: 1, maxLength: 12 },
);

test('any tensors', async () => {
  await fc.assert(
    fc.asyncProperty(entries, async (tensors) => {
      const { head, order, size } = layOutSafetensors(tensors, { format: 'pt' });
      const data = new Map(tensors.map((entry, i) => [entry.name, new Uint8Array(storedSize(entry)).fill(i + 1)]));
      const bytes = new Uint8Array(Buffer.concat([head, ...order.map(({ name }) => data.get(name)!)]));
      expect([bytes.length, head.length % 8]).toEqual([size, 0]);
      const file = await openTensorFile(bytesSource('x.safetensors', bytes));
      expect(file.tensors.size).toBe(tensors.length);
      let at = head.length;
      for (const { name, dtype, shape } of order) {
        expect(file.tensors.get(name)).toMatchObject({ dtype, shape });
        expect(await file.read(name)).toEqual(data.get(name));
        expect(at % STORED_BYTES[dtype]).toBe(0);
        at += data.get(name)!.length;
      }
    }),
  );
});

test('a name that comes twice, or is the one of the metadata, is refused', () => {
  const entry = { name: 'a', dtype: 'F32', shape: [1] } as const;
  expect(() => layOutSafetensors([entry, entry])).toThrow(ArgumentError);
  expect(() => layOutSafetensors([{ ...entry, name: '__metadata__' }])).toThrow(ArgumentError);
});
