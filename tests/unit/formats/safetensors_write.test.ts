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
    dtype: fc.constantFrom(...(Object.keys(STORED_BYTES) as StoredDtype[]).filter((dtype) => !/^Q/.test(dtype))),
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

test('quantised matrices lie as words, and are read as what they are', async () => {
  const entries = [
    { name: 'a', dtype: 'Q4' as const, shape: [2, 64] },
    { name: 'b', dtype: 'F16' as const, shape: [3] },
    { name: 'words', dtype: 'I32' as const, shape: [7] },
  ];
  const { head, order, size } = layOutSafetensors(entries, { format: 'pt' });
  const text = new TextDecoder().decode(head.subarray(8));
  expect(text).toContain('"__metadata__":{"format":"pt","quantised":"q4"}');
  expect(text).toContain('"a":{"dtype":"I32","shape":[2,10],');
  const bytes = new Uint8Array(size).map((_, i) => i);
  bytes.set(head);
  const file = await openTensorFile(bytesSource('q', bytes));
  expect([...file.tensors.values()]).toEqual(order.map((entry) => expect.objectContaining(entry)));
  const row = await file.read('a', { rows: [1, 1] });
  const whole = await file.read('a');
  expect([row.length, whole.length]).toEqual([40, 80]);
  expect(row).toEqual(whole.subarray(40));
  expect(() => layOutSafetensors([entries[0], { ...entries[0], name: 'c', dtype: 'Q8' }])).toThrow(ArgumentError);
  const wrong = new TextEncoder().encode(
    '{"__metadata__":{"quantised":"q5"},"a":{"dtype":"I32","shape":[0],"data_offsets":[0,0]}}',
  );
  const odd = new Uint8Array(8 + wrong.length);
  odd.set(wrong, 8);
  odd[0] = wrong.length;
  await expect(openTensorFile(bytesSource('odd', odd))).rejects.toThrow(/quantised to q5, which is not read/);
});
