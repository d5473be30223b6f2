/**
 * Weights on the device: each operand that plans ask for is read once, row by row range, brought into its stored form and kept in buffers
 * or an image that all sessions of a model share.
 */
import { type Device, type DeviceBuffer, type DeviceImage, bufferBytes } from './device.ts';
import { type Dtype, bytesOf, f16ToNumber, numberToBf16, numberToF16 } from './dtype.ts';
import { ArgumentError, FileError, GraphError, throwIfAborted } from './errors.ts';
import { COLUMN_BLOCK, IMAGE_TEXELS, type WeightOperand, inBlocks, rowBytes, storedBytes } from './op.ts';
import { shapeText } from './extent.ts';
import { QUANTISED_GROUP, type Quantised, dequantise, isQuantised, quantise } from './quantise.ts';
import { groupWords } from '../../shaders/common.ts';

/** Where weights come from: a checkpoint, or formula-made tensors. */
export interface WeightSource {
  /** Dtype of the stored bytes. */
  dtype(name: string): Dtype | Quantised;
  /** Bytes of rows [start, start + count) of the first axis, row-major, little endian; `into` is memory that may be used for them. */
  read(name: string, start: number, count: number, signal?: AbortSignal, into?: Uint8Array): Promise<Uint8Array>;
  /** The whole tensor in f32, for tables that the host works on. */
  readF32(name: string, signal?: AbortSignal): Promise<Float32Array<ArrayBuffer>>;
}

/** Rows are read in pieces of about this many bytes. */
const PIECE = 4 * 1024 * 1024;

/** Memory that every piece goes through: made anew for each, it would keep the garbage collector busy. Larger pieces have their own. */
interface Scratch {
  /** Whole lines of an image. */
  readonly texels: Uint8Array<ArrayBuffer>;
  readonly stored: Uint8Array<ArrayBuffer>;
  readonly formed: Uint8Array<ArrayBuffer>;
}

function makeScratch(operands: readonly WeightOperand[]): Scratch {
  const most = (of: readonly WeightOperand[], bytes: (o: WeightOperand) => number): number =>
    Math.min(
      PIECE,
      of.reduce((sum, o) => Math.max(sum, bytes(o)), 0),
    );
  const pieces = most(operands, (o) => storedBytes(o));
  const images = operands.filter(({ image }) => image);
  const texels = most(images, (o) => imageHeight(o) * IMAGE_TEXELS * 16);
  return { stored: new Uint8Array(pieces), formed: new Uint8Array(pieces), texels: new Uint8Array(texels) };
}

export interface LoadProgress {
  readonly loadedBytes: number;
  readonly totalBytes: number;
}

/** What an operand became on the device. */
interface Stored {
  /** One for each part; none for an image. */
  readonly parts: readonly DeviceBuffer[];
  readonly image?: DeviceImage;
}

export class WeightStore {
  private readonly stored = new Map<string, Stored>();
  private destroyed = false;

  constructor(private readonly device: Device) {}

  /** What was loaded of an operand. */
  get(key: string): Stored | undefined {
    return this.stored.get(key);
  }

  /** Loads the operands that are not there yet. After a failure nothing of this call is held. */
  async load(
    operands: readonly WeightOperand[],
    source: WeightSource,
    options: { signal?: AbortSignal; onProgress?: (p: LoadProgress) => void } = {},
  ): Promise<void> {
    const wanted = this.missing(operands);
    const totalBytes = wanted.reduce((sum, o) => sum + storedBytes(o), 0);
    let loadedBytes = 0;
    const added: string[] = [];
    try {
      await this.device.scope('weights', () => {
        this.checkAlive();
        for (const o of wanted) this.create(o, added);
      });
      const scratch = makeScratch(wanted);
      for (const o of wanted) {
        const { write, end } = this.writer(o, scratch.texels);
        await this.read(o, source, options.signal, scratch, (part, offset, bytes) => {
          write(part, offset, bytes);
          loadedBytes += bytes.byteLength;
          options.onProgress?.({ loadedBytes, totalBytes });
        });
        end();
      }
      await this.device.scope('weights', () => undefined);
    } catch (error) {
      for (const key of added) this.drop(key);
      throw error;
    }
  }

  /** Puts zeros in place of the operands that are not there yet: for measuring, without a checkpoint. */
  async reserve(operands: readonly WeightOperand[]): Promise<void> {
    const added: string[] = [];
    try {
      await this.device.scope('weights', () => {
        this.checkAlive();
        for (const o of this.missing(operands)) this.create(o, added);
        const encoder = this.device.gpu.createCommandEncoder();
        for (const key of added) for (const { gpu } of this.stored.get(key)!.parts) encoder.clearBuffer(gpu);
        this.device.gpu.queue.submit([encoder.finish()]);
      });
    } catch (error) {
      for (const key of added) this.drop(key);
      throw error;
    }
  }

  /** Gives back all but these operands. */
  keep(operands: readonly WeightOperand[]): void {
    const wanted = new Set(operands.map(({ key }) => key));
    for (const key of [...this.stored.keys()]) if (!wanted.has(key)) this.drop(key);
  }

  /** Bytes that loading these operands adds to what is there. */
  missingBytes(operands: readonly WeightOperand[]): number {
    return this.missing(operands).reduce((sum, o) => sum + weightBytes(o).reduce((a, b) => a + b, 0), 0);
  }

  private missing(operands: readonly WeightOperand[]): WeightOperand[] {
    return [...new Map(operands.map((o) => [o.key, o])).values()].filter((o) => !this.stored.has(o.key));
  }

  private create(o: WeightOperand, added: string[]): void {
    const parts: DeviceBuffer[] = [];
    added.push(o.key);
    if (o.image) {
      const image = this.device.createImage(o.name, IMAGE_TEXELS, imageHeight(o), 'weights');
      this.stored.set(o.key, { parts, image });
      return;
    }
    this.stored.set(o.key, { parts });
    for (const bytes of partBytes(o)) parts.push(this.device.createStorage(o.name, bytes, 'weights'));
  }

  /** Where the stored form of an operand is written: to its buffers at once, to its image when `texels` is full or all of it is there. */
  private writer(o: WeightOperand, texels: Uint8Array<ArrayBuffer>): { write: Write; end(): void } {
    const { parts, image } = this.stored.get(o.key)!;
    const { queue } = this.device.gpu;
    if (!image)
      return {
        write: (part, offset, bytes) => queue.writeBuffer(parts[part].gpu, offset, padded(bytes)),
        end: () => undefined,
      };
    const { texture, width, height } = image;
    const bytesPerRow = width * 16;
    let first = 0; // row of the texture that `texels` starts with
    const flush = (lines: number): void => {
      if (lines > 0) queue.writeTexture({ texture, origin: [0, first] }, texels, { bytesPerRow }, [width, lines]);
      first += lines;
    };
    return {
      write: (_, offset, bytes) => {
        for (let done = 0; done < bytes.byteLength;) {
          const at = offset + done - first * bytesPerRow;
          const count = Math.min(bytes.byteLength - done, texels.byteLength - at);
          texels.set(bytes.subarray(done, done + count), at);
          done += count;
          if (at + count === texels.byteLength) flush(texels.byteLength / bytesPerRow);
        }
      },
      end: () => flush(height - first),
    };
  }

  /** Reads an operand piece by piece and hands its stored form to `write`. */
  private async read(
    o: WeightOperand,
    source: WeightSource,
    signal: AbortSignal | undefined,
    scratch: Scratch,
    write: Write,
  ): Promise<void> {
    let before = 0;
    for (const one of o.joined) {
      const own = { ...o, ...one, joined: [one] };
      const bytes = rowBytes(own);
      // pieces of whole groups of rows keep packed 16-bit elements on word boundaries, and blocks of columns whole
      const grain = inBlocks(o.layout) ? COLUMN_BLOCK : 4;
      const step = Math.max(1, Math.floor(PIECE / Math.max(1, bytes) / grain)) * grain;
      const parts = o.joined.length > 1 ? [{ start: 0, rows: one.shape[0] }] : o.parts;
      for (const [p, part] of parts.entries())
        for (let start = 0; start < part.rows; start += step) {
          throwIfAborted(signal, 'load');
          const rows = Math.min(step, part.rows - start);
          const stored = await source.read(one.name, part.start + start, rows, signal, scratch.stored);
          this.checkAlive();
          write(p, before + start * bytes, toForm(own, rows, stored, source.dtype(one.name), scratch.formed));
        }
      before += storedBytes(own);
    }
  }

  private drop(key: string): void {
    const stored = this.stored.get(key);
    for (const buffer of stored?.parts ?? []) buffer.destroy();
    stored?.image?.destroy();
    this.stored.delete(key);
  }

  /** A store may be destroyed while it loads. */
  private checkAlive(): void {
    this.device.check('weights');
    if (this.destroyed)
      throw new ArgumentError('[weights] the model must stay until its weights are loaded but was destroyed before');
  }

  destroy(): void {
    this.destroyed = true;
    for (const key of [...this.stored.keys()]) this.drop(key);
  }
}

const imageHeight = (o: WeightOperand): number => Math.ceil(storedBytes(o) / 16 / IMAGE_TEXELS);
const partBytes = (o: WeightOperand): number[] =>
  o.parts.map(({ rows }) => (o.joined.length > 1 ? storedBytes(o) : storedBytes(o, rows)));

/** Bytes of each buffer, or of the image, that an operand becomes on a device. */
export const weightBytes = (o: WeightOperand): readonly number[] =>
  o.image ? [IMAGE_TEXELS * imageHeight(o) * 16] : partBytes(o).map(bufferBytes);

/** Takes bytes of the stored form: the part they belong to, and the byte in it. */
type Write = (part: number, offset: number, bytes: Uint8Array<ArrayBuffer>) => void;

function padded(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  if (bytes.byteLength % 4 === 0) return bytes;
  const whole = new Uint8Array(Math.ceil(bytes.byteLength / 4) * 4);
  whole.set(bytes);
  return whole;
}

/** Stored rows in the operand's dtype and layout; in `into` where it has room and the rows change their places. */
export function toForm(
  o: WeightOperand,
  rows: number,
  stored: Uint8Array,
  dtype: Dtype | Quantised,
  into?: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> {
  const elements = (rows * o.shape.slice(1).reduce((p, n) => p * n, 1)) | 0;
  const bytes = isQuantised(dtype) ? (elements / QUANTISED_GROUP) * groupWords[dtype] * 4 : elements * bytesOf(dtype);
  if (stored.byteLength !== bytes)
    throw new FileError(
      `${o.name} ${shapeText(o.shape)} must have ${bytes} bytes in ${rows} rows but has ${stored.byteLength}`,
    );
  const cast = dtype === o.dtype ? aligned(stored) : castTo(aligned(stored), dtype, o);
  const ordered = o.layout === 'ohwi' || o.layout === 'ohwi_columns' ? toOhwi(o, rows, cast) : cast;
  const transformed = o.layout === 'winograd_columns' ? toWinograd(o, rows, ordered) : ordered;
  return inBlocks(o.layout) ? toColumns(o, rows, transformed, into) : transformed;
}

/** The same bytes at an offset that typed arrays accept. */
function aligned(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes.byteOffset % 4 === 0 && bytes.buffer instanceof ArrayBuffer
    ? (bytes as Uint8Array<ArrayBuffer>)
    : new Uint8Array(bytes);
}

/** Any stored float dtype as f32; exact. */
export function widen(bytes: Uint8Array<ArrayBuffer>, dtype: Dtype | Quantised): Float32Array<ArrayBuffer> {
  if (isQuantised(dtype))
    return dequantise(new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4), dtype);
  if (dtype === 'f32') return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  const half = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2);
  const out = new Float32Array(half.length);
  if (dtype === 'bf16') {
    const bits = new Uint32Array(out.buffer);
    for (let i = 0; i < half.length; i++) bits[i] = half[i] << 16;
  } else if (dtype === 'f16') for (let i = 0; i < half.length; i++) out[i] = f16ToNumber(half[i]);
  else throw new GraphError(`[weights] stored dtype must be f32, f16 or bf16 but is ${dtype}`);
  return out;
}

function castTo(bytes: Uint8Array<ArrayBuffer>, from: Dtype | Quantised, o: WeightOperand): Uint8Array<ArrayBuffer> {
  const values = widen(bytes, from);
  if (o.dtype === 'f32') return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  if (isQuantised(o.dtype)) return new Uint8Array(quantise(o.name, values, o.dtype).buffer);
  const out = new Uint16Array(values.length);
  const round = o.dtype === 'bf16' ? numberToBf16 : numberToF16;
  for (let i = 0; i < values.length; i++) {
    out[i] = round(values[i]);
    if (o.dtype === 'f16' && (out[i] & 0x7fff) === 0x7c00 && Number.isFinite(values[i]))
      throw new FileError(
        `${o.name} must stay within 65504 to be stored as f16 but holds ${values[i]}: store it as bf16`,
      );
  }
  return new Uint8Array(out.buffer);
}

/**
 * (N, K) → (⌈N/32⌉, K, 32), word by word: one element of f32, two of 16 bits, part of a group of quantised ones. Rows beyond N are zero.
 */
function toColumns(
  o: WeightOperand,
  rows: number,
  bytes: Uint8Array<ArrayBuffer>,
  into: Uint8Array<ArrayBuffer> | undefined,
): Uint8Array<ArrayBuffer> {
  const depth = rowBytes(o) / 4;
  const words = Math.ceil(rows / COLUMN_BLOCK) * COLUMN_BLOCK * depth;
  const from = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  const to = into && into.byteLength >= 4 * words ? new Uint32Array(into.buffer, 0, words) : new Uint32Array(words);
  for (let row = 0; row < rows; row += COLUMN_BLOCK) {
    const there = Math.min(COLUMN_BLOCK, rows - row);
    let at = row * depth;
    for (let k = 0; k < depth; k++) {
      let source = row * depth + k;
      for (let r = 0; r < there; r++, source += depth) to[at++] = from[source];
      for (let r = there; r < COLUMN_BLOCK; r++) to[at++] = 0;
    }
  }
  return new Uint8Array(to.buffer, to.byteOffset, to.byteLength);
}

/** (Cout, Cin, kh, kw) → (Cout, kh, kw, Cin) */
function toOhwi(o: WeightOperand, rows: number, bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const [, channels, height, breadth] = o.shape;
  const taps = height * breadth;
  const make = o.dtype === 'f32' ? Uint32Array : Uint16Array;
  const from = new make(bytes.buffer, bytes.byteOffset, bytes.byteLength / make.BYTES_PER_ELEMENT);
  const to = new make(from.length);
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < channels; c++)
      for (let t = 0; t < taps; t++) to[(r * taps + t) * channels + c] = from[(r * channels + c) * taps + t];
  return new Uint8Array(to.buffer as ArrayBuffer);
}

/** (Cout, Cin, 3, 3) in f32 → (Cout, 16, Cin): G·g·Gᵀ of each filter g, computed in f64. */
function toWinograd(o: WeightOperand, rows: number, bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const channels = o.shape[1];
  const from = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  const to = new Float32Array(rows * 16 * channels);
  const columns = new Float64Array(12); // G·g, row by row
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < channels; c++) {
      const g = (r * channels + c) * 9;
      for (let j = 0; j < 3; j++) {
        const [a, b, d] = [from[g + j], from[g + 3 + j], from[g + 6 + j]];
        columns[j] = a;
        columns[3 + j] = (a + b + d) / 2;
        columns[6 + j] = (a - b + d) / 2;
        columns[9 + j] = d;
      }
      let at = r * 16 * channels + c;
      for (let i = 0; i < 12; i += 3) {
        const [a, b, d] = [columns[i], columns[i + 1], columns[i + 2]];
        to[at] = a;
        to[at + channels] = (a + b + d) / 2;
        to[at + 2 * channels] = (a - b + d) / 2;
        to[at + 3 * channels] = d;
        at += 4 * channels;
      }
    }
  return new Uint8Array(to.buffer);
}
