/** A stopwatch of phases: each mark closes the phase since the one before. */
export interface Stopwatch {
  /** Ends a phase and names it; the same name twice adds up. */
  mark(phase: string): void;
  /** Seconds of each phase, in order, and their sum under `total`. */
  seconds(): Record<string, number>;
}

export function stopwatch(now: () => number = () => performance.now()): Stopwatch {
  const phases = new Map<string, number>();
  let last = now();
  return {
    mark(phase) {
      const at = now();
      phases.set(phase, (phases.get(phase) ?? 0) + at - last);
      last = at;
    },
    seconds() {
      const all = [...phases].map(([name, ms]) => [name, round(ms / 1000)] as const);
      return Object.fromEntries([...all, ['total', round([...phases.values()].reduce((a, b) => a + b, 0) / 1000)]]);
    },
  };
}

const round = (seconds: number): number => Math.round(seconds * 1000) / 1000;

/** `1.33 s (files 0.03, device 0.21, …)` */
export function phasesText({ total, ...phases }: Readonly<Record<string, number>>): string {
  const parts = Object.entries(phases).map(([name, s]) => `${name.replaceAll('_', ' ')} ${rounded(s)}`);
  return `${rounded(total)} s (${parts.join(', ')})`;
}

const rounded = (s: number): string => s.toFixed(s < 10 ? 2 : 1);
