/** A picture from the model on a canvas; squares that are not made yet lie under a veil. */
import { useEffect, useRef } from 'preact/hooks';
import type { Picture } from '../../../src/harmon/index.ts';
import { toImageData } from '../store/pixels.ts';

interface PictureCanvasProps {
  readonly picture: Picture | undefined;
  readonly masked: Uint8Array | undefined;
  /** Rows and columns of squares. */
  readonly grid: readonly [number, number];
  readonly width: number;
  readonly height: number;
  readonly label: string;
}

export function PictureCanvas({ picture, masked, grid, width, height, label }: PictureCanvasProps) {
  const pixels = useRef<HTMLCanvasElement>(null);
  const veil = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const context = pixels.current?.getContext('2d');
    if (context && picture) context.putImageData(toImageData(picture), 0, 0);
  }, [picture]);
  useEffect(() => {
    const canvas = veil.current;
    const context = canvas?.getContext('2d');
    if (!canvas || !context) return;
    const [rows, columns] = grid;
    [canvas.width, canvas.height] = [Math.max(1, columns) * CELL, Math.max(1, rows) * CELL];
    context.fillStyle = getComputedStyle(canvas).color;
    masked?.forEach((is, at) => {
      if (is) context.fillRect((at % columns) * CELL, Math.floor(at / columns) * CELL, CELL - 1, CELL - 1);
    });
  }, [masked, grid]);
  return (
    <div class="picture-canvas" role="img" aria-label={label}>
      <canvas ref={pixels} width={picture?.width ?? width} height={picture?.height ?? height} />
      <canvas ref={veil} class="veil" />
    </div>
  );
}

/** Pixels of a square of the veil; the last one is a line between two squares. */
const CELL = 12;
