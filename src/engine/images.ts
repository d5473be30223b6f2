/**
 * Images of a plan: where a kernel reads a tensor as a texture, its rows are copied there first. Tensors of one width take turns in the images of
 * that width, and a tensor that lies there still is not copied again.
 */
import { flatWidth } from '../../shaders/common.ts';
import { divisible } from './extent.ts';
import type { Dispatch, ImageOperand, Limits, Operand } from './op.ts';
import {
  type Tensor,
  isAligned,
  isContiguous,
  maxElements,
  placement,
  root,
  rows,
  width,
  windowStart,
} from './tensor.ts';

/** Bytes from row to row that are copied into an image must be a multiple of this. */
const COPY_STRIDE = 256;

/** A tensor into an image, as its operand says. */
export interface ImageCopy extends Pick<ImageOperand, 'flat' | 'heads'> {
  readonly tensor: Tensor;
  readonly image: number;
}

/** An image: texels of four f32, across and down. */
export interface PlannedImage {
  readonly width: number;
  readonly height: number;
}

/** What one dispatch needs: the image of each operand that is one, and the copies before it. */
export interface ImageUse {
  readonly images: ReadonlyMap<Operand, number>;
  readonly copies: readonly ImageCopy[];
}

export interface ImagePlan {
  readonly images: readonly PlannedImage[];
  /** Of each dispatch. */
  readonly uses: readonly ImageUse[];
}

interface Place {
  readonly width: number;
  height: number;
  holds: string | undefined;
}

export function placeImages(dispatches: readonly Dispatch[]): ImagePlan {
  const places: Place[] = [];
  const uses = dispatches.map(({ bind }): ImageUse => {
    const images = new Map<Operand, number>();
    const copies: ImageCopy[] = [];
    for (const operand of Object.values(bind)) {
      if (!('image' in operand)) continue;
      const { image: tensor, flat, heads } = operand;
      const size = imageSize(operand);
      const content = contentOf(operand);
      const taken = new Set(images.values());
      const free = (place: Place, i: number) => place.width === size.width && !taken.has(i);
      let image = content === undefined ? -1 : places.findIndex((p) => p.width === size.width && p.holds === content);
      if (image < 0) {
        image = places.findIndex(free);
        if (image < 0) image = places.push({ ...size, holds: undefined }) - 1;
        copies.push({ tensor, image, flat, heads });
      }
      places[image].height = Math.max(places[image].height, size.height);
      places[image].holds = content;
      images.set(operand, image);
    }
    return { images, copies };
  });
  return { images: places.map(({ width: across, height }) => ({ width: across, height })), uses };
}

/** Texels at the extents' maxima. */
function imageSize({ image: x, flat, heads = { count: 1, across: 1 } }: ImageOperand): PlannedImage {
  if (flat) return { width: flatWidth, height: Math.ceil(maxElements(x) / 4 / flatWidth) };
  const { count, across } = heads;
  const height = Math.ceil(count / across) * (maxElements(x) / width(x));
  if (count > 1) return { width: (width(x) / count / 4) * across, height };
  return { width: width(x) / 4, height: maxElements(x) / width(x) };
}

/** Whether `x` can be copied into a flat image. */
export function fitsFlatImage(x: Tensor, { maxTextureDimension2D }: Limits): boolean {
  const { width: across, height } = imageSize({ image: x, flat: true });
  const copies = isContiguous(x) && divisible(width(x), 4);
  return copies && Math.max(across, height) <= maxTextureDimension2D;
}

/** How the `count` heads of `x` lie in an image of narrow lines; nothing where they cannot be copied there one by one. */
export function headsImage(x: Tensor, count: number, { maxTextureDimension2D }: Limits): ImageOperand['heads'] {
  const across = Math.ceil((count * maxElements(x)) / width(x) / maxTextureDimension2D);
  const { width: wide, height } = imageSize({ image: x, heads: { count, across } });
  const fits = isAligned(x, 4) && width(x) % (4 * count) === 0 && Math.max(wide, height) <= maxTextureDimension2D;
  return fits && divisible(placement(x).stride, COPY_STRIDE / 4) ? { count, across } : undefined;
}

/** What tells one content from another; a state may change under its name, so it has none. */
function contentOf({ image: tensor, flat = false, heads }: ImageOperand): string | undefined {
  const { offset, stride } = placement(tensor);
  return root(tensor).role === 'state'
    ? undefined
    : [root(tensor).id, windowStart(tensor), offset, stride, rows(tensor), flat, heads?.count].join();
}
