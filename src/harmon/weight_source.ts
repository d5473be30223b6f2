/** A checkpoint as the engine's weights: names as in the file, dtypes that the GPU has no form for are widened to f32. */
import { type Dtype, type StoredDtype, type TensorFile, type WeightSource, toFloat32 } from '../engine/index.ts';

const kept: Partial<Record<StoredDtype, Dtype>> = { F32: 'f32', F16: 'f16', BF16: 'bf16' };

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
