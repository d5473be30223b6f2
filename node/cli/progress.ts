/**
 * How far the work has come, on stderr: a bar with the time left on a terminal, a few plain lines elsewhere, nothing when it is
 * not wanted. stdout belongs to results.
 */
import { SingleBar } from 'cli-progress';

/** One stretch of work of `total` units. */
export interface Step {
  update(done: number): void;
  end(): void;
}

export interface Progress {
  /** Begins a step, after the end of the one before. */
  step(name: string, total: number, show?: (units: number) => string): Step;
  /** Ends what is still shown; the terminal is as before. */
  stop(): void;
}

export interface ProgressOptions {
  readonly enabled: boolean;
  readonly stream: NodeJS.WriteStream;
  readonly now?: () => number;
}

const plain = (units: number): string => String(units);

export function createProgress({ enabled, stream, now = () => performance.now() }: ProgressOptions): Progress {
  if (!enabled) return { step: () => ({ update: () => undefined, end: () => undefined }), stop: () => undefined };
  const start = stream.isTTY
    ? (name: string) => startBar(stream, name, now)
    : (name: string) => startLines(stream, name, now);
  let current: Step | undefined;
  const stop = () => {
    current?.end();
    current = undefined;
  };
  return {
    step(name, total, show = plain) {
      stop();
      const view = start(name);
      const step: Step = {
        update: (done) => current === step && view.draw(done, total, show),
        end() {
          if (current !== step) return;
          current = undefined;
          view.end();
        },
      };
      current = step;
      view.draw(0, total, show);
      return step;
    },
    stop,
  };
}

interface View {
  draw(done: number, total: number, show: (units: number) => string): void;
  end(): void;
}

/** A bar that is cleared at its end: what it led to is said elsewhere. */
function startBar(stream: NodeJS.WriteStream, name: string, now: () => number): View {
  const began = now();
  const bar = new SingleBar({
    format: `${name.padEnd(NAME_WIDTH)} {bar} {count}  {left}`,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 30,
    stream,
    hideCursor: true,
    clearOnComplete: true,
    fps: 10,
  });
  let started = false;
  return {
    draw(done, total, show) {
      const payload = { count: `${show(done)}/${show(total)}`, left: timeLeft(now() - began, done, total) };
      if (started) bar.update(done, payload);
      else bar.start(total, done, payload);
      started = true;
    },
    end: () => bar.stop(),
  };
}

const NAME_WIDTH = 18;

/** A line at the start and at each quarter that took a while: a log of a long run shows that it moves, a short step is one line. */
function startLines(stream: NodeJS.WriteStream, name: string, now: () => number): View {
  const began = now();
  let [shown, at] = [-1, -Infinity];
  return {
    draw(done, total, show) {
      const quarter = Math.floor((4 * done) / Math.max(1, total));
      if (quarter <= shown || now() - at < LINE_MS) return;
      [shown, at] = [quarter, now()];
      const left = done > 0 && done < total ? `, ${timeLeft(now() - began, done, total)}` : '';
      stream.write(done === 0 ? `${name}: ${show(total)}\n` : `${name}: ${show(done)} of ${show(total)}${left}\n`);
    },
    end: () => undefined,
  };
}

const LINE_MS = 1000;

/** `about 12 s left`, from the pace so far. */
export function timeLeft(elapsedMs: number, done: number, total: number): string {
  if (done <= 0 || done >= total) return '';
  const seconds = Math.ceil(((elapsedMs / done) * (total - done)) / 1000);
  const text =
    seconds < 90
      ? `${seconds} s`
      : seconds < 5400
        ? `${Math.round(seconds / 60)} min`
        : `${Math.round(seconds / 3600)} h`;
  return `about ${text} left`;
}

/** Bytes as megabytes. */
export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(bytes < 1e8 ? 1 : 0)} MB`;
