/**
 * Where the mask is drawn: strokes of mouse, pen and finger over the picture. The wheel sizes the brush; with Ctrl, or two fingers, it zooms; the
 * middle button, or Space held, pans. With keys: arrows move the brush, Enter marks.
 */
import { useEffect, useRef, useState } from 'preact/hooks';
import { brush, draw, mask, sizeBrush, strokes, tool } from '../editor.ts';
import type { Entry } from '../logic/history.ts';
import { type Stroke, maskOf } from '../logic/mask_strokes.ts';
import { type View, WHOLE, panned, toPicture, zoomed } from '../logic/view.ts';
import { PictureImage } from './picture_image.tsx';

type Point = readonly [x: number, y: number];
const PEN_ERASER = 32;
const MIDDLE = 1;

export function MaskCanvas({ entry }: { entry: Entry }) {
  const { width, height } = entry;
  const frame = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [view, setView] = useState<View>(WHOLE);
  const [at, setAt] = useState<Point | undefined>();
  const [line, setLine] = useState<Stroke | undefined>();
  const pointers = useRef(new Map<number, Point>());
  const panning = useRef(false);
  const space = useRef(false);
  const radius = brush.value * Math.max(width, height);

  useEffect(() => {
    const context = canvas.current?.getContext('2d');
    if (!context) return;
    const drawn = line ? maskOf([...strokes.value.done, line], width, height) : mask.value;
    const image = new ImageData(width, height);
    drawn?.data.forEach((byte, i) => {
      if (byte) image.data.set(VEIL, 4 * i);
    });
    context.putImageData(image, 0, 0);
  }, [mask.value, line, width, height]);

  const size = (): Point => {
    const box = frame.current!.getBoundingClientRect();
    return [box.width, box.height];
  };
  const place = (event: MouseEvent): Point => {
    const box = frame.current!.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const share = (point: Point): Point => toPicture(view, point, size());
  const pixel = (point: Point): Point => {
    const [x, y] = share(point);
    return [x * width, y * height];
  };

  const down = (event: PointerEvent) => {
    frame.current!.setPointerCapture(event.pointerId);
    pointers.current.set(event.pointerId, place(event));
    panning.current = pointers.current.size > 1 || event.button === MIDDLE || space.current;
    if (panning.current) return setLine(undefined);
    event.preventDefault();
    frame.current!.focus({ preventScroll: true });
    const erases = tool.value === 'eraser' || (event.buttons & PEN_ERASER) !== 0;
    setLine({ tool: erases ? 'eraser' : 'brush', radius, points: pixel(place(event)) });
  };
  const move = (event: PointerEvent) => {
    const point = place(event);
    setAt(share(point));
    const before = pointers.current.get(event.pointerId);
    if (!before) return;
    if (panning.current) moveView(event.pointerId, before, point);
    else if (line) {
      const events = event.getCoalescedEvents?.() ?? [];
      const points = (events.length > 0 ? events : [event]).flatMap((each) => pixel(place(each)));
      setLine({ ...line, points: [...line.points, ...points] });
    }
    pointers.current.set(event.pointerId, point);
  };
  const moveView = (id: number, before: Point, point: Point) => {
    const other = [...pointers.current].find(([each]) => each !== id)?.[1];
    const pan: Point = [point[0] - before[0], point[1] - before[1]];
    if (!other) return setView(panned(view, pan, size()));
    const gap = (a: Point) => Math.max(1, Math.hypot(a[0] - other[0], a[1] - other[1]));
    const middle: Point = [(point[0] + other[0]) / 2, (point[1] + other[1]) / 2];
    const closer = zoomed(view, gap(point) / gap(before), middle, size());
    setView(panned(closer, [pan[0] / 2, pan[1] / 2], size()));
  };
  const up = (event: PointerEvent) => {
    pointers.current.delete(event.pointerId);
    if (line) draw(line);
    setLine(undefined);
    if (pointers.current.size === 0) panning.current = false;
  };

  useEffect(() => {
    const element = frame.current!;
    const wheel = (event: WheelEvent) => {
      event.preventDefault();
      const by = Math.exp(-event.deltaY / 400);
      if (event.ctrlKey || event.metaKey) setView((now) => zoomed(now, by, place(event), size()));
      else sizeBrush(by);
    };
    element.addEventListener('wheel', wheel, { passive: false });
    return () => element.removeEventListener('wheel', wheel);
  }, []);

  const key = (event: KeyboardEvent) => {
    if (event.key === ' ') {
      event.preventDefault();
      space.current = event.type === 'keydown';
      return;
    }
    if (event.type !== 'keydown') return;
    const [x, y] = at ?? [0.5, 0.5];
    const step = brush.value / 2;
    const moves: Record<string, Point> = {
      ArrowLeft: [-step, 0],
      ArrowRight: [step, 0],
      ArrowUp: [0, -step],
      ArrowDown: [0, step],
    };
    const by = moves[event.key];
    if (by) setAt([Math.min(1, Math.max(0, x + by[0])), Math.min(1, Math.max(0, y + by[1]))]);
    else if (event.key === 'Enter' && !event.ctrlKey && !event.metaKey)
      draw({ tool: tool.value, radius, points: [x * width, y * height] });
    else if (event.key === '+') setView(zoomed(view, 1.25, [size()[0] / 2, size()[1] / 2], size()));
    else if (event.key === '-') setView(zoomed(view, 0.8, [size()[0] / 2, size()[1] / 2], size()));
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <div
      class="mask-frame"
      ref={frame}
      tabIndex={0}
      role="application"
      aria-label="Mask: draw over what shall be made anew. Arrow keys move the brush, Enter marks, plus and minus zoom."
      data-testid="mask"
      style={{ aspectRatio: `${width} / ${height}` }}
      onPointerDown={down}
      onPointerMove={move}
      onPointerUp={up}
      onPointerCancel={up}
      onPointerLeave={() => setAt(undefined)}
      onKeyDown={key}
      onKeyUp={key}
    >
      <div class="mask-view" style={{ transform: `translate(${view.x}px, ${view.y}px) scale(${view.zoom})` }}>
        <PictureImage entry={entry} />
        <canvas ref={canvas} width={width} height={height} />
        {at && (
          <span
            class={`ring ${tool.value}`}
            aria-hidden="true"
            style={{
              left: `${at[0] * 100}%`,
              top: `${at[1] * 100}%`,
              width: `${(200 * radius) / width}%`,
              height: `${(200 * radius) / height}%`,
            }}
          />
        )}
      </div>
    </div>
  );
}

/** Red, green, blue, alpha of what is marked. */
const VEIL = [124, 92, 255, 150];
