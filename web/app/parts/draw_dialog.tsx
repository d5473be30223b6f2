/** A small canvas to draw on; the drawing becomes a picture of the history. */
import { useRef, useState } from 'preact/hooks';
import { rememberDrawn, select } from '../history_actions.ts';
import { fromImageData } from '../store/pixels.ts';
import { attempt } from '../archive_actions.ts';
import { DialogFrame, closeDialog } from './dialog_frame.tsx';

const SIDE = 384;
const COLOURS = ['#e02f2f', '#f28c28', '#f5c400', '#2fa84f', '#2f6fe0', '#8a3fd1', '#5b3a29', '#111111', '#ffffff'];
const NAMES = ['red', 'orange', 'yellow', 'green', 'blue', 'purple', 'brown', 'black', 'white'];

export function DrawDialog() {
  const canvas = useRef<HTMLCanvasElement | null>(null);
  const [colour, setColour] = useState(COLOURS[0]);
  const [size, setSize] = useState(28);
  const last = useRef<readonly [number, number] | undefined>(undefined);
  const states = useRef<ImageData[]>([]);

  const ready = (element: HTMLCanvasElement | null) => {
    if (!element || canvas.current === element) return;
    canvas.current = element;
    clear(context(element));
  };
  const context = (element: HTMLCanvasElement) => element.getContext('2d', { willReadFrequently: true })!;
  const clear = (at: CanvasRenderingContext2D) => {
    at.fillStyle = '#fff';
    at.fillRect(0, 0, SIDE, SIDE);
  };
  const save = () => {
    const at = context(canvas.current!);
    states.current = [...states.current, at.getImageData(0, 0, SIDE, SIDE)].slice(-30);
  };
  const line = (event: PointerEvent) => {
    const box = canvas.current!.getBoundingClientRect();
    const to = [
      ((event.clientX - box.left) / box.width) * SIDE,
      ((event.clientY - box.top) / box.height) * SIDE,
    ] as const;
    const at = context(canvas.current!);
    at.lineCap = at.lineJoin = 'round';
    at.strokeStyle = colour;
    at.lineWidth = size;
    at.beginPath();
    at.moveTo(...(last.current ?? to));
    at.lineTo(...to);
    at.stroke();
    last.current = to;
  };
  const use = () =>
    attempt(async () => {
      select(await rememberDrawn(fromImageData(context(canvas.current!).getImageData(0, 0, SIDE, SIDE))));
      closeDialog();
    });
  return (
    <DialogFrame title="Draw a picture">
      <canvas
        ref={ready}
        class="drawing"
        width={SIDE}
        height={SIDE}
        role="img"
        aria-label="Drawing"
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          save();
          line(event);
        }}
        onPointerMove={(event) => event.buttons > 0 && last.current && line(event)}
        onPointerUp={() => (last.current = undefined)}
        onPointerCancel={() => (last.current = undefined)}
      />
      <div class="colours" role="radiogroup" aria-label="Colour">
        {COLOURS.map((each, i) => (
          <label key={each} class="colour" style={{ '--colour': each }}>
            <input
              type="radio"
              name="colour"
              aria-label={NAMES[i]}
              checked={colour === each}
              onChange={() => setColour(each)}
            />
          </label>
        ))}
      </div>
      <div class="dialog-actions">
        <input
          type="range"
          aria-label="Width of the pen"
          min={4}
          max={120}
          value={size}
          onInput={(event) => setSize(event.currentTarget.valueAsNumber)}
        />
        <span class="grow" />
        <button
          type="button"
          class="quiet"
          onClick={() => {
            const before = states.current.at(-1);
            if (before) context(canvas.current!).putImageData(before, 0, 0);
            states.current = states.current.slice(0, -1);
          }}
        >
          Undo
        </button>
        <button
          type="button"
          class="quiet"
          onClick={() => {
            save();
            clear(context(canvas.current!));
          }}
        >
          Clear
        </button>
        <button type="button" class="primary" onClick={() => void use()}>
          Use it
        </button>
      </div>
    </DialogFrame>
  );
}
