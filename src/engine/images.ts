/**
 * Images of a plan: where a kernel reads a tensor as a texture, its rows are copied there first. Tensors of one width take turns in one image, and
 * a tensor that lies there still is not copied again.
 */
import type { Dispatch } from './op.ts';
import { type Tensor, maxElements, placement, root, width } from './tensor.ts';

/** Rows of a tensor into an image of the same width. */
export interface ImageCopy {
  readonly tensor: Tensor;
  readonly image: number;
}

/** An image: texels of four f32, across and down. */
export interface PlannedImage {
  readonly width: number;
  readonly height: number;
}

export interface ImagePlan {
  readonly images: readonly PlannedImage[];
  /** Copies before each dispatch. */
  readonly copies: readonly (readonly ImageCopy[])[];
}

export function placeImages(dispatches: readonly Dispatch[]): ImagePlan {
  const images: { width: number; height: number; holds: string | undefined }[] = [];
  const copies = dispatches.map((dispatch) => {
    const needed: ImageCopy[] = [];
    for (const operand of Object.values(dispatch.bind)) {
      if (!('image' in operand)) continue;
      const { image: tensor } = operand;
      const texels = width(tensor) / 4;
      let image = images.findIndex((i) => i.width === texels);
      if (image < 0) image = images.push({ width: texels, height: 1, holds: undefined }) - 1;
      const at = images[image];
      at.height = Math.max(at.height, maxElements(tensor) / width(tensor));
      const content = contentOf(tensor);
      if (content === undefined || at.holds !== content) needed.push({ tensor, image });
      at.holds = content;
    }
    return needed;
  });
  return { images: images.map(({ width: across, height }) => ({ width: across, height })), copies };
}

/** The image in which `copies` or an earlier dispatch put a tensor: the one of its width. */
export function imageOf(images: readonly PlannedImage[], tensor: Tensor): number {
  return images.findIndex((i) => i.width === width(tensor) / 4);
}

/** What tells one content from another; a state may change under its name, so it has none. */
function contentOf(tensor: Tensor): string | undefined {
  const { offset, stride } = placement(tensor);
  return root(tensor).role === 'state' ? undefined : [root(tensor).id, offset, stride].join();
}
