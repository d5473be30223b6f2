/** Times of the phases of the last opening and the last run of each task. */

/** Milliseconds by task, then by phase, in order. */
export type Timings = Readonly<Record<string, Readonly<Record<string, number>>>>;

export class Phases {
  private readonly tasks = new Map<string, Map<string, number>>();
  private current = new Map<string, number>();
  private last = 0;

  constructor(private readonly now: () => number = () => performance.now()) {}

  /** A task begins: what was known of its last run is forgotten. */
  start(task: string): void {
    this.current = new Map();
    this.tasks.set(task, this.current);
    this.last = this.now();
  }

  /** Ends a phase and names it; the same name twice adds up. */
  mark(phase: string): void {
    const at = this.now();
    this.current.set(phase, (this.current.get(phase) ?? 0) + at - this.last);
    this.last = at;
  }

  all(): Timings {
    return Object.fromEntries([...this.tasks].map(([task, phases]) => [task, Object.fromEntries(phases)]));
  }
}
