/**
 * Images of a plan: where a kernel reads a tensor as a texture, its rows are copied there first. Tensors of one width take turns in the images of
 * that width, and a tensor that lies there still is not copied again.
 */
import { flatWidth } from '../../shaders/common.ts';
import { divisible } from './extent.ts';
import type { Dispatch, ImageOperand, Limits, Operand } from './op.ts';
import { type Tensor, isContiguous, maxElements, placement, root, rows, width, windowStart } from './tensor.ts';

/** A tensor into an image: its rows into lines, or all its elements one after the other where it is `flat`. */
export interface ImageCopy {
  readonly tensor: Tensor;
  readonly image: number;
  readonly flat: boolean;
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
      const { image: tensor, flat = false } = operand;
      const size = imageSize(operand);
      const content = contentOf(operand);
      const taken = new Set(images.values());
      const free = (place: Place, i: number) => place.width === size.width && !taken.has(i);
      let image = content === undefined ? -1 : places.findIndex((p) => p.width === size.width && p.holds === content);
      if (image < 0) {
        image = places.findIndex(free);
        if (image < 0) image = places.push({ ...size, holds: undefined }) - 1;
        copies.push({ tensor, image, flat });
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
function imageSize({ image: x, flat }: ImageOperand): PlannedImage {
  if (flat) return { width: flatWidth, height: Math.ceil(maxElements(x) / 4 / flatWidth) };
  return { width: width(x) / 4, height: maxElements(x) / width(x) };
}

/** Whether `x` can be copied into a flat image. */
export function fitsFlatImage(x: Tensor, { maxTextureDimension2D }: Limits): boolean {
  const { width: across, height } = imageSize({ image: x, flat: true });
  const copies = isContiguous(x) && divisible(width(x), 4);
  return copies && Math.max(across, height) <= maxTextureDimension2D;
}

/** What tells one content from another; a state may change under its name, so it has none. */
function contentOf({ image: tensor, flat = false }: ImageOperand): string | undefined {
  const { offset, stride } = placement(tensor);
  return root(tensor).role === 'state'
    ? undefined
    : [root(tensor).id, windowStart(tensor), offset, stride, rows(tensor), flat].join();
}
