/** Turns: tasks of one model run one after the other; who waits can leave, and none waits for a model that is gone. */
import { AbortError, type OvertoneError, throwIfAborted } from '../engine/index.ts';

export class Turns {
  private last: Promise<unknown> = Promise.resolve();
  private readonly waiting = new Set<(error: OvertoneError) => void>();
  private closed: OvertoneError | undefined;

  /** Waits for its turn, then runs `task`. Errors: AbortError, at once when `signal` fires while it waits; the reason of `close`. */
  take<T>(subject: string, signal: AbortSignal | undefined, task: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      throwIfAborted(signal, subject);
      if (this.closed) throw this.closed;
      const leave = () => settle(() => reject(new AbortError(subject, { cause: signal?.reason })));
      const turnedAway = (error: OvertoneError) => settle(() => reject(error));
      let left = false;
      const settle = (end: () => void) => {
        left = true;
        signal?.removeEventListener('abort', leave);
        this.waiting.delete(turnedAway);
        end();
      };
      signal?.addEventListener('abort', leave);
      this.waiting.add(turnedAway);
      this.last = this.last.then(async () => {
        if (left) return;
        settle(() => undefined);
        await (async () => task())().then(resolve, reject);
      });
    });
  }

  /** Turns away everybody who waits or comes later. The task at work goes on. */
  close(error: OvertoneError): void {
    this.closed ??= error;
    for (const turnAway of [...this.waiting]) turnAway(error);
  }
}
