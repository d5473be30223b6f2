/**
 * Previews of a run. They use the memory that its passes use, so they happen between iterations only: at once while the run waits for its
 * callback, otherwise when the next iteration is done. The run goes on when those that were asked for are made.
 */
import { ArgumentError } from '../engine/index.ts';

export class Previews {
  private open = false;
  private ended = false;
  private made: Promise<unknown> = Promise.resolve();
  private readonly later: (() => void)[] = [];

  /** Makes a preview when it can be. Errors: ArgumentError when the run has ended. */
  ask<T>(make: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.ended) throw new ArgumentError('[preview] must be asked for while its run lasts, which has ended');
      const start = () => {
        this.made = this.made.then(() => make().then(resolve, reject));
      };
      if (this.open) start();
      else this.later.push(start);
    });
  }

  /** Between two iterations: runs the callback, then waits until all previews asked for are made. */
  async between(callback: () => void | Promise<void>): Promise<void> {
    this.open = true;
    for (const start of this.later.splice(0)) start();
    try {
      await callback();
    } finally {
      this.open = false;
      await this.made;
    }
  }

  /** After the run: what was asked for too late is refused. */
  async end(): Promise<void> {
    await this.between(() => undefined);
    this.ended = true;
  }
}
