/** Zoom and pan of the editor: where the picture lies in its frame. Points are in pixels of the frame, the picture fills it at zoom 1. */

export interface View {
  readonly zoom: number;
  readonly x: number;
  readonly y: number;
}

export const WHOLE: View = { zoom: 1, x: 0, y: 0 };
const MOST_ZOOM = 12;

type Point = readonly [x: number, y: number];

/** Zoomed by a factor, with the point under the pointer kept in place. */
export function zoomed(view: View, by: number, [x, y]: Point, frame: Point): View {
  const zoom = Math.min(MOST_ZOOM, Math.max(1, view.zoom * by));
  const scale = zoom / view.zoom;
  return bounded({ zoom, x: x - (x - view.x) * scale, y: y - (y - view.y) * scale }, frame);
}

export const panned = (view: View, [dx, dy]: Point, frame: Point): View =>
  bounded({ ...view, x: view.x + dx, y: view.y + dy }, frame);

/** The picture never leaves a gap at an edge of its frame. */
function bounded({ zoom, x, y }: View, [width, height]: Point): View {
  const within = (at: number, length: number) => Math.min(0, Math.max(length * (1 - zoom), at));
  return { zoom, x: within(x, width), y: within(y, height) };
}

/** A point of the frame as a share of the picture, 0 … 1 across and down. */
export const toPicture = ({ zoom, x, y }: View, [px, py]: Point, [width, height]: Point): Point => [
  (px - x) / (zoom * width),
  (py - y) / (zoom * height),
];
