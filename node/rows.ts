/** A tensor in pieces, as files are read and written. */
import { type TensorEntry, storedSize } from '../src/engine/index.ts';

/** Bytes of a piece, about. */
export const CHUNK = 1 << 24;

/** Rows of a tensor in chunks; a scalar is read whole. */
export function rowsOf(entry: TensorEntry): (readonly [start: number, count: number] | undefined)[] {
  const [extent] = entry.shape;
  if (extent === undefined) return [undefined];
  const count = Math.max(1, Math.floor((CHUNK * extent) / Math.max(1, storedSize(entry))));
  return Array.from({ length: Math.ceil(extent / count) }, (_, i) => [i * count, Math.min(count, extent - i * count)]);
}
