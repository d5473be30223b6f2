/** A checkpoint as the engine's weights: names as in the file, dtypes that the GPU has no form for are widened to f32. */
import {
  ArgumentError,
  type Dtype,
  type Quantised,
  type StoredDtype,
  type TensorFile,
  type WeightSource,
  quantisedDtype,
  toFloat32,
} from '../engine/index.ts';

const kept: Partial<Record<StoredDtype, Dtype | Quantised>> = {
  F32: 'f32',
  F16: 'f16',
  BF16: 'bf16',
  Q8: 'q8',
  Q4: 'q4',
};

export function weightSource(file: TensorFile): WeightSource {
  const stored = (name: string): StoredDtype => file.tensors.get(name)?.dtype ?? 'F32';
  return {
    dtype: (name) => kept[stored(name)] ?? 'f32',
    async read(name, start, count, signal, into) {
      const bytes = await file.read(name, { rows: [start, count], signal, into });
      if (kept[stored(name)]) return bytes;
      return new Uint8Array(toFloat32(bytes, stored(name)).buffer);
    },
    async readF32(name, signal) {
      return new Float32Array(toFloat32(await file.read(name, { signal }), stored(name)));
    },
  };
}

/**
 * How the matrices of a model are kept on the device: as its file has them if that is quantised, which then nothing else can be asked of, or as
 * `asked`. @throws ArgumentError.
 */
export function quantisedForm(file: TensorFile, asked?: Quantised): Quantised | undefined {
  for (const { dtype } of file.tensors.values()) {
    const kind = quantisedDtype(dtype);
    if (kind === undefined) continue;
    if (asked !== undefined && asked !== kind)
      throw new ArgumentError(
        `[open] quantise must be ${kind}, as the weights of ${file.name} are, but is ${asked}: open the weights that it was made of`,
      );
    return kind;
  }
  return asked;
}

/** Forms of fewer bits than `form` that the weights of a file could be opened in: none if it is quantised. */
export function fewerBits(file: TensorFile, form: Quantised | undefined): readonly Quantised[] {
  if (quantisedForm(file)) return [];
  return form === undefined ? ['q8', 'q4'] : form === 'q8' ? ['q4'] : [];
}
