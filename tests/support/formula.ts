/**
 * Formula-made weights: element i of a tensor is a hash of its name and i, as bfloat16, so that any language makes the same model of any
 * size without a file. `formulaFile` is a checkpoint of such tensors whose rows are made when they are read.
 */
import type { TensorEntry, TensorFile } from '../../src/engine/index.ts';
import type { Picture } from '../../src/harmon/image.ts';

/** Name and shape are all that the formula knows of a tensor. */
export interface FormulaTensor {
  readonly name: string;
  readonly shape: readonly number[];
}

/** A checkpoint of formula-made tensors. Those of the VAE, `vae.…`, hash the name they have in the VAE's own file. */
export function formulaFile(tensors: Iterable<FormulaTensor>, name = 'formula'): TensorFile {
  const entries = new Map<string, TensorEntry>();
  for (const { name: tensor, shape } of tensors) entries.set(tensor, { name: tensor, dtype: 'BF16', shape });
  return {
    name,
    format: 'formula',
    tensors: entries,
    read: async (tensor, { rows, signal } = {}) => {
      signal?.throwIfAborted();
      const entry = entries.get(tensor);
      if (!entry) throw new Error(`${name}: ${tensor} must be one of its tensors`);
      const row = product(entry.shape.slice(1));
      const [start, count] = rows ?? [0, entry.shape[0] ?? 1];
      const values = formulaValues({ ...entry, name: tensor.replace(/^vae\./, '') }, start * row, count * row);
      return new Uint8Array(values.buffer);
    },
  };
}

const product = (numbers: readonly number[]): number => numbers.reduce((a, b) => a * b, 1);

/** Bits (bfloat16) of `count` elements from flat index `start` on. */
export function formulaValues({ name, shape }: FormulaTensor, start: number, count: number): Uint16Array<ArrayBuffer> {
  const [centre, half] = range(name, shape);
  const out = new Uint16Array(count);
  const floats = new Float32Array(4096);
  const bits = new Uint32Array(floats.buffer);
  let key = keyOf(name, start);
  for (let from = 0; from < count; from += floats.length) {
    const n = Math.min(floats.length, count - from);
    for (let i = 0; i < n; i++) {
      // 2u − 1 with u = h / 2^24 is h / 2^23 − 1 exactly
      floats[i] = centre + half * (hash24(key) * 2 ** -23 - 1);
      key = (key + STEP) | 0;
    }
    for (let i = 0; i < n; i++) {
      const b = bits[i] | 0;
      out[from + i] = (b + 0x7fff + ((b >>> 16) & 1)) >>> 16;
    }
  }
  return out;
}

/** The formula's number in 0 … 1 itself, of element `index`. */
export function formulaUnit(name: string, index: number): number {
  return hash24(keyOf(name, index)) / 2 ** 24;
}

/** A picture of such numbers: byte c of block (i, j), 16 × 16 pixels, has flat index (i·columns + j)·3 + c. */
export function formulaPicture(width: number, height = width): Picture {
  const columns = Math.ceil(width / 16);
  const data = Uint8Array.from({ length: width * height * 3 }, (_, at) => {
    const [x, y, c] = [Math.floor(at / 3) % width, Math.floor(at / 3 / width), at % 3];
    return Math.floor(256 * formulaUnit('picture', (Math.floor(y / 16) * columns + Math.floor(x / 16)) * 3 + c));
  });
  return { width, height, data };
}

const STEP = 0x9e3779b1 | 0;

/** What is hashed for element `index`; the next element's is STEP more. */
function keyOf(name: string, index: number): number {
  return (Math.imul(index, STEP) + fnv1a(name)) | 0;
}

function hash24(key: number): number {
  let x = key ^ (key >>> 16);
  x = Math.imul(x, 0x21f0aaad);
  x ^= x >>> 15;
  x = Math.imul(x, 0x735a2d97);
  x ^= x >>> 15;
  return x >>> 8;
}

/** FNV-1a, 32 bits, of the UTF-8 bytes. */
function fnv1a(text: string): number {
  let h = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) h = Math.imul(h ^ byte, 0x01000193);
  return h;
}

const TABLES = ['mar.fake_latent', 'mar.mask_token', 'mar.class_emb.weight'];

function range(name: string, shape: readonly number[]): [centre: number, half: number] {
  if (name.endsWith('.bias')) return [0, 0.02];
  if (shape.length === 1) return [1, 0.1];
  if (/pos_embed|embed_tokens/.test(name) || TABLES.includes(name)) return [0, 0.05];
  return [0, Math.sqrt(3 / product(shape.slice(1)))];
}
