/**
 * Editing: a picture whose tokens are kept but for some, which are made anew for other words. The canvas is the picture on its token grid (its
 * edge pixels repeated up to whole tokens), with new tokens around it where it is extended. The result has the picture's size, plus what was added.
 */
import { ArgumentError } from '../engine/index.ts';
import type { HarmonConfig } from './config.ts';
import type { Grid } from './graphs.ts';
import { type Picture, checkedPicture } from './image.ts';
import { type Mask, type Placement, TOKEN_SIDE, checkMask, snapMask, tokenMask } from './mask.ts';
import { checkKeys, shown } from './options.ts';
import { pasteBack } from './paste.ts';
import { gridOf } from './runtime.ts';

export interface EditOptions {
  /** What is edited; sides that are no multiples of 16 stay as they are. */
  readonly picture: Picture;
  /**
   * What is made anew, 128 and more in the mask. A mask has any size and is stretched over the picture; each square of 16 pixels that it touches
   * is made anew.
   */
  readonly mask?: Mask;
  /** Makes only this share of the squares (of those under the mask, or of all) anew, above 0 up to 1; the seed chooses which. */
  readonly variation?: number;
  /** Adds canvas around the picture, counted in squares of 16 pixels, which is made to fit it. */
  readonly extend?: Readonly<Partial<Record<Side, number>>>;
}

export type Side = 'left' | 'right' | 'top' | 'bottom';
const SIDES: readonly Side[] = ['left', 'right', 'top', 'bottom'];
const MAX_SIDE = 4096;
const KEYS: Record<keyof EditOptions, true> = { picture: true, mask: true, variation: true, extend: true };

/** A checked edit, laid out on its canvas. */
export interface Edit {
  /** The picture on whole tokens, which is encoded. */
  readonly picture: Picture;
  /** Its grid, and its first token on the canvas. */
  readonly encoder: Grid;
  readonly origin: Grid;
  /** The canvas. */
  readonly grid: Grid;
  /** What of the canvas, in pixels, is the result. */
  readonly crop: { readonly left: number; readonly top: number; readonly width: number; readonly height: number };
  /** Tokens of the canvas that may be made anew, ascending, and how many of them are. */
  readonly candidates: Uint32Array;
  readonly made: number;
}

/** Checks what is asked and lays it out. Errors: ArgumentError. */
export function editOf(options: EditOptions, config: HarmonConfig): Edit {
  if (typeof options !== 'object' || options === null)
    throw new ArgumentError(`[edit] must be an object with a picture but is ${String(options)}`);
  checkKeys('edit', options, KEYS);
  const { mask, variation } = options;
  const picture = pictureOf(options);
  const extend = extensionOf(options);
  if (mask === undefined && variation === undefined && !extend)
    throw new ArgumentError('[edit] must say what is made anew: give a mask, a variation or an extension');
  if (variation !== undefined && extend)
    throw new ArgumentError('[edit] must not ask for a variation and an extension at once: extend first, then vary');
  const { left, right, top, bottom } = extend ?? NONE;
  const across = axis('wide', picture.width, left, right);
  const down = axis('high', picture.height, top, bottom);
  const encoder = [down.tokens, across.tokens] as const;
  const placement = { ...picture, left: across.padding, top: down.padding, grid: encoder };
  const grid = gridOf(config, across.total * TOKEN_SIDE, down.total * TOKEN_SIDE);
  const candidates = candidatesOf(grid, [top, left], encoder, marked(mask, variation, placement));
  return {
    picture: padded(picture, placement),
    encoder,
    origin: [top, left],
    grid,
    crop: { left: across.padding, top: down.padding, width: across.length, height: down.length },
    candidates,
    made: variation === undefined ? candidates.length : Math.max(1, Math.round(variation * candidates.length)),
  };
}

function pictureOf({ picture }: EditOptions): Picture {
  if (typeof picture !== 'object' || picture === null || !(picture.data instanceof Uint8Array))
    throw new ArgumentError(
      `[edit] picture must be { width, height, data } but is ${picture === null ? 'null' : typeof picture}`,
    );
  const { width, height } = checkedPicture(picture);
  if (Math.max(width, height) > MAX_SIDE)
    throw new ArgumentError(
      `[edit] picture must have sides of at most ${MAX_SIDE} pixels but is ${width}×${height}: make it smaller first`,
    );
  return picture;
}

const NONE = { left: 0, right: 0, top: 0, bottom: 0 } as const;

/** All four sides, or nothing where none is extended. */
function extensionOf({ extend }: EditOptions): Record<Side, number> | undefined {
  if (extend === undefined) return undefined;
  if (typeof extend !== 'object' || extend === null)
    throw new ArgumentError(`[edit] extend must be an object of sides but is ${String(extend)}`);
  for (const [side, by] of Object.entries(extend)) {
    if (!(SIDES as readonly string[]).includes(side))
      throw new ArgumentError(`[edit] extend must name ${SIDES.join(', ')} but names ${side}`);
    if (by !== undefined && !(Number.isInteger(by) && by >= 0 && by <= MAX_SIDE / TOKEN_SIDE))
      throw new ArgumentError(
        `[edit] extend.${side} must be a whole number of squares from 0 to ${MAX_SIDE / TOKEN_SIDE} but is ${shown(by)}`,
      );
  }
  const { left = 0, right = 0, top = 0, bottom = 0 } = extend;
  return left + right + top + bottom === 0 ? undefined : { left, right, top, bottom };
}

/**
 * One axis of the canvas. A length that is no multiple of 16 is padded on the side that is not extended, so that what is added touches the
 * picture; padding is cut off again.
 */
function axis(which: 'wide' | 'high', length: number, before: number, after: number) {
  const tokens = Math.ceil(length / TOKEN_SIDE);
  const rest = tokens * TOKEN_SIDE - length;
  if (rest > 0 && before > 0 && after > 0)
    throw new ArgumentError(
      `[edit] a picture that is extended on both sides must be a multiple of ${TOKEN_SIDE} ${which} but is ${length}: crop it to ${length - (length % TOKEN_SIDE) || TOKEN_SIDE}, or extend one side after the other`,
    );
  return {
    tokens,
    padding: after > 0 ? rest : 0,
    total: before + tokens + after,
    length: length + (before + after) * TOKEN_SIDE,
  };
}

/** The picture at its place; around it its edge pixels, repeated. */
function padded(picture: Picture, { left, top, grid }: Placement): Picture {
  const [height, width] = grid.map((tokens) => tokens * TOKEN_SIDE);
  if (width === picture.width && height === picture.height) return picture;
  const data = new Uint8Array(width * height * 3);
  const within = (at: number, length: number) => Math.min(Math.max(at, 0), length - 1);
  for (let y = 0, o = 0; y < height; y++)
    for (let x = 0; x < width; x++, o += 3) {
      const at = (within(y - top, picture.height) * picture.width + within(x - left, picture.width)) * 3;
      data.set(picture.data.subarray(at, at + 3), o);
    }
  return { width, height, data };
}

/** Which tokens of the picture are up for being made anew, [m, n]: those under the mask, all for a variation, none for an extension alone. */
function marked(mask: Mask | undefined, variation: number | undefined, placement: Placement): Uint8Array {
  const [m, n] = placement.grid;
  if (variation !== undefined && !(typeof variation === 'number' && variation > 0 && variation <= 1))
    throw new ArgumentError(`[edit] variation must be a share above 0 up to 1 but is ${shown(variation)}`);
  if (mask === undefined) return new Uint8Array(m * n).fill(variation === undefined ? 0 : 1);
  checkMask(mask);
  const tokens = snapMask(mask, placement);
  if (!tokens.includes(1))
    throw new ArgumentError('[edit] mask must mark what is made anew, with 128 and more, but marks nothing');
  return tokens;
}

/** What is marked of the picture, and all of the canvas around it. */
function candidatesOf([m, n]: Grid, [top, left]: Grid, [rows, columns]: Grid, picture: Uint8Array): Uint32Array {
  return Uint32Array.from({ length: m * n }, (_, g) => g).filter((g) => {
    const [row, column] = [Math.floor(g / n) - top, (g % n) - left];
    const isOutside = row < 0 || row >= rows || column < 0 || column >= columns;
    return isOutside || picture[row * columns + column] === 1;
  });
}

/** Tokens of `pictures` canvases, (b·N, tokenDim): the picture's latents (m·n, tokenDim) at their place, zeros around. */
export function canvasTokens({ grid, encoder, origin }: Edit, latents: Float32Array, pictures: number) {
  const [N, dim] = [grid[0] * grid[1], latents.length / (encoder[0] * encoder[1])];
  const tokens = new Float32Array(pictures * N * dim);
  const width = encoder[1] * dim;
  for (let p = 0; p < pictures; p++)
    for (let row = 0; row < encoder[0]; row++)
      tokens.set(
        latents.subarray(row * width, (row + 1) * width),
        (p * N + (origin[0] + row) * grid[1] + origin[1]) * dim,
      );
  return tokens;
}

/** A decoded canvas to the result: the picture where its tokens were kept, and the mask of those that were made, on the canvas' grid. */
export function finishEdit(edit: Edit, decoded: Picture, made: Uint32Array): { picture: Picture; mask: Mask } {
  const mask = tokenMask(edit.grid, made);
  const { left, top, width, height } = edit.crop;
  const canvas = pasteBack(edit, decoded, mask.data);
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    const from = ((top + y) * canvas.width + left) * 3;
    data.set(canvas.data.subarray(from, from + width * 3), y * width * 3);
  }
  return { picture: { width, height, data }, mask };
}
