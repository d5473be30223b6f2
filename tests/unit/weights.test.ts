/** How weights reach the device: large ones in pieces, through memory that is made once. */
import { expect, test } from 'vitest';
import { type Device, WeightStore } from '../../src/engine/index.ts';
import type { WeightOperand } from '../../src/engine/op.ts';

const MIB = 1 << 20;

/** A device that keeps what is written to textures and buffers. */
function recordingDevice() {
  const bytes = new Uint8Array(64 * MIB);
  const pieces: number[] = [];
  const queue = {
    writeTexture(
      { origin: [, y] }: { origin: [number, number] },
      data: Uint8Array,
      { bytesPerRow }: { bytesPerRow: number },
      [, lines]: [number, number],
    ) {
      bytes.set(data.subarray(0, lines * bytesPerRow), y * bytesPerRow);
      pieces.push(lines * bytesPerRow);
    },
    writeBuffer(_: unknown, offset: number, data: Uint8Array) {
      bytes.set(data, offset);
      pieces.push(data.byteLength);
    },
  };
  const device = {
    gpu: { queue },
    check: () => undefined,
    scope: async (_: string, work: () => unknown) => work(),
    createImage: (_: string, width: number, height: number) => ({
      width,
      height,
      texture: {},
      destroy: () => undefined,
    }),
    createStorage: () => ({ gpu: {}, destroy: () => undefined }),
  };
  return { device: device as unknown as Device, bytes, pieces };
}

const operand = (rows: number, image: boolean): WeightOperand => ({
  key: 'w',
  name: 'w',
  shape: [rows, 1000],
  joined: [{ name: 'w', shape: [rows, 1000] }],
  dtype: 'f32',
  layout: 'rows',
  parts: [{ start: 0, rows }],
  image,
});

test.each([
  ['an image of many pieces', 10_000, true],
  ['an image of one piece', 7, true],
  ['a buffer of many pieces', 10_000, false],
])('%s has every byte in its place', async (_, rows, image) => {
  const { device, bytes, pieces } = recordingDevice();
  const values = Float32Array.from({ length: rows * 1000 }, (_, i) => i);
  const given = new Set<ArrayBufferLike>();
  const source = {
    dtype: () => 'f32' as const,
    read: async (_: string, start: number, count: number, _signal?: AbortSignal, into?: Uint8Array) => {
      const wanted = new Uint8Array(values.buffer, start * 4000, count * 4000);
      expect(into!.byteLength).toBeGreaterThanOrEqual(wanted.byteLength);
      given.add(into!.buffer);
      into!.set(wanted);
      return into!.subarray(0, wanted.byteLength);
    },
    readF32: () => Promise.reject(new Error('not asked for')),
  };
  await new WeightStore(device).load([operand(rows, image)], source);
  expect(Buffer.compare(bytes.subarray(0, values.byteLength), new Uint8Array(values.buffer))).toBe(0);
  expect(given.size).toBe(1);
  for (const piece of pieces) expect(piece).toBeLessThanOrEqual(4 * MIB);
  expect(pieces.length).toBe(rows > 1000 ? 10 : 1);
});
