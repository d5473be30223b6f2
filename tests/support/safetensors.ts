/** Reads a safetensors recording for a test, all tensors at once, trusting the file; and writes such files. Runs in a page, too. */

export interface Recorded {
  readonly shape: readonly number[];
  readonly data: Float32Array | Float64Array | BigInt64Array | Int32Array | Uint8Array;
}

const kinds = { F32: Float32Array, F64: Float64Array, I64: BigInt64Array, I32: Int32Array, U8: Uint8Array } as const;

interface Entry {
  readonly dtype: keyof typeof kinds;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

export function parseSafetensors(bytes: Uint8Array): Map<string, Recorded> {
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length))) as Record<string, Entry>;
  const tensors = Object.entries(header).filter(([name]) => name !== '__metadata__');
  return new Map(
    tensors.map(
      ([
        name,
        {
          dtype,
          shape,
          data_offsets: [from, to],
        },
      ]) => [name, { shape, data: new kinds[dtype](bytes.slice(8 + length + from, 8 + length + to).buffer) }],
    ),
  );
}

/** Values of a tensor as plain numbers. */
export function numbersOf(tensor: Recorded | undefined): number[] {
  if (!tensor) throw new Error('no such tensor in the recording');
  return Array.from(tensor.data as ArrayLike<number | bigint>, Number);
}

/** A safetensors file of these tensors. */
export function writeSafetensors(
  tensors: readonly { name: string; dtype: string; shape: readonly number[]; bytes: Uint8Array }[],
): Uint8Array {
  let end = 0;
  const header = Object.fromEntries(
    tensors.map(({ name, dtype, shape, bytes }) => [
      name,
      { dtype, shape, data_offsets: [end, (end += bytes.byteLength)] },
    ]),
  );
  const text = new TextEncoder().encode(JSON.stringify(header));
  const out = new Uint8Array(8 + text.length + end);
  new DataView(out.buffer).setBigUint64(0, BigInt(text.length), true);
  out.set(text, 8);
  let at = 8 + text.length;
  for (const { bytes } of tensors) {
    out.set(bytes, at);
    at += bytes.byteLength;
  }
  return out;
}
