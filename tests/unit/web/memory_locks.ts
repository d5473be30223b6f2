/** Locks between tabs, as `navigator.locks` has them: exclusive and shared, in the order of asking. */
interface Waiting {
  readonly mode: 'exclusive' | 'shared';
  readonly grant: () => void;
}

export class MemoryLocks {
  private readonly held = new Map<string, { mode: 'exclusive' | 'shared'; count: number }>();
  private readonly queues = new Map<string, Waiting[]>();

  request = async (name: string, ...rest: unknown[]): Promise<never> => {
    const task = rest.at(-1) as (lock: Lock | null) => Promise<never>;
    const { mode = 'exclusive', ifAvailable, signal } = (rest.length > 1 ? rest[0] : {}) as LockOptions;
    signal?.throwIfAborted();
    const queue = this.queues.get(name) ?? [];
    this.queues.set(name, queue);
    if (ifAvailable && (queue.length > 0 || !this.fits(name, mode))) return task(null);
    await new Promise<void>((resolve, reject) => {
      const waiting: Waiting = { mode, grant: resolve };
      queue.push(waiting);
      signal?.addEventListener('abort', () => {
        if (!queue.includes(waiting)) return;
        queue.splice(queue.indexOf(waiting), 1);
        reject(signal.reason as Error);
      });
      this.next(name);
    });
    try {
      return await task({ name, mode });
    } finally {
      const lock = this.held.get(name)!;
      if (--lock.count === 0) this.held.delete(name);
      this.next(name);
    }
  };

  private fits(name: string, mode: 'exclusive' | 'shared'): boolean {
    const lock = this.held.get(name);
    return !lock || (lock.mode === 'shared' && mode === 'shared');
  }

  private next(name: string): void {
    const queue = this.queues.get(name)!;
    while (queue.length > 0 && this.fits(name, queue[0].mode)) {
      const { mode, grant } = queue.shift()!;
      this.held.set(name, { mode, count: (this.held.get(name)?.count ?? 0) + 1 });
      grant();
    }
  }
}
