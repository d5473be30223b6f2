/** Pictures between files, canvases and the model: RGB bytes without colour management, upright, on white where they are clear. */
import type { Picture } from '../../../src/harmon/index.ts';

/** Most pixels of a picture that is read. */
const MAX_PIXELS = 64_000_000;
const JPEG_QUALITY = 0.92;

/** Reads any picture that the browser can show. @throws Error in one sentence. */
export async function decodeBlob(blob: Blob, name: string): Promise<Picture> {
  const bitmap = await createImageBitmap(blob, {
    colorSpaceConversion: 'none',
    premultiplyAlpha: 'none',
    imageOrientation: 'from-image',
  }).catch(() => {
    throw new Error(`${name} is no picture that this browser can read: take a PNG, JPEG or WebP file.`);
  });
  try {
    const { width, height } = bitmap;
    if (width * height > MAX_PIXELS)
      throw new Error(`${name} has ${width}×${height} pixels, too many to read: make it smaller first.`);
    const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true })!;
    context.fillStyle = '#fff';
    context.fillRect(0, 0, width, height);
    context.drawImage(bitmap, 0, 0);
    return fromImageData(context.getImageData(0, 0, width, height));
  } finally {
    bitmap.close();
  }
}

/** A JPEG file of a picture. @throws Error in one sentence where the browser makes none. */
export async function encodeJpeg(picture: Picture): Promise<Uint8Array> {
  const canvas = new OffscreenCanvas(picture.width, picture.height);
  canvas.getContext('2d')!.putImageData(toImageData(picture), 0, 0);
  const blob = await canvas.convertToBlob({ type: 'image/jpeg', quality: JPEG_QUALITY });
  if (blob.type !== 'image/jpeg') throw new Error('This browser makes no JPEG files: save the picture as PNG.');
  return new Uint8Array(await blob.arrayBuffer());
}

export function fromImageData({ width, height, data }: ImageData): Picture {
  const out = new Uint8Array(width * height * 3);
  for (let i = 0, o = 0; i < data.length; i += 4) {
    out[o++] = data[i];
    out[o++] = data[i + 1];
    out[o++] = data[i + 2];
  }
  return { width, height, data: out };
}

export function toImageData({ width, height, data }: Picture): ImageData {
  const out = new ImageData(width, height);
  for (let i = 0, o = 0; i < data.length; i += 3) {
    out.data[o++] = data[i];
    out.data[o++] = data[i + 1];
    out.data[o++] = data[i + 2];
    out.data[o++] = 255;
  }
  return out;
}
