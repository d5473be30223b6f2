/** PNGs made by hand, chunk by chunk. */
import { crc32, deflateSync } from 'node:zlib';

export const PNG_SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);

/** A chunk with its length and checksum. */
export function chunk(type: string, data: Uint8Array): Uint8Array {
  const body = Buffer.concat([Buffer.from(type), data]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(data.length, 0);
  frame.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
}

export interface Raw {
  width: number;
  height: number;
  depth: number;
  colour: number;
  /** Rows as PNG packs them, without the filter byte. */
  rows: number[][];
  palette?: number[];
  transparency?: number[];
  interlaced?: boolean;
  exif?: Uint8Array;
}

/** The PNG, unfiltered; interlaced, the rows are those of the passes. */
export function pngOf({
  width,
  height,
  depth,
  colour,
  rows,
  palette,
  transparency,
  interlaced,
  exif,
}: Raw): Uint8Array {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([depth, colour, 0, 0, interlaced ? 1 : 0], 8);
  return new Uint8Array(
    Buffer.concat([
      PNG_SIGNATURE,
      chunk('IHDR', header),
      ...(exif ? [chunk('eXIf', exif)] : []),
      ...(palette ? [chunk('PLTE', Uint8Array.from(palette))] : []),
      ...(transparency ? [chunk('tRNS', Uint8Array.from(transparency))] : []),
      chunk('IDAT', deflateSync(Uint8Array.from(rows.flatMap((row) => [0, ...row])))),
      chunk('IEND', new Uint8Array(0)),
    ]),
  );
}

/** RGB of grey values. */
export const grey = (...values: number[]): number[] => values.flatMap((v) => [v, v, v]);
