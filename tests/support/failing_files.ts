/** A file system whose n-th change fails: for `vi.mock('node:fs/promises', …)` in tests of what writes files. */
import type * as Files from 'node:fs/promises';

export const FAILURES = ['ENOSPC', 'EIO', 'EROFS'] as const;

/** Which change fails and how; 0 for none. `calls` has the names of those so far. */
export const plan = { at: 0, code: 'ENOSPC' as string, calls: [] as string[] };

function step(name: string): void {
  if (plan.calls.push(name) === plan.at) throw Object.assign(new Error('refused'), { code: plan.code });
}

/** The module with every call that makes, fills, flushes, moves or removes a file counted. A write that fails leaves half of it behind. */
export function failing(real: typeof Files): typeof Files {
  const open: typeof real.open = async (path, flags, mode) => {
    const writes = typeof flags === 'string' && /[wxa+]/.test(flags);
    if (writes) step('open');
    const handle = await real.open(path, flags, mode);
    if (!writes) return handle;
    return new Proxy(handle, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key);
        if (typeof value !== 'function') return value;
        return async (...args: unknown[]) => {
          if (key === 'close') {
            await target.close();
            step(key);
            return;
          }
          try {
            step(String(key));
          } catch (error) {
            if (key === 'writeFile')
              await target.writeFile((args[0] as Uint8Array).subarray(0, (args[0] as Uint8Array).length / 2));
            throw error;
          }
          return (value as (...a: unknown[]) => Promise<unknown>).apply(target, args);
        };
      },
    });
  };
  const counted =
    <Args extends unknown[], Result>(name: string, call: (...args: Args) => Promise<Result>) =>
    async (...args: Args): Promise<Result> => {
      step(name);
      return call(...args);
    };
  return {
    ...real,
    open,
    rename: counted('rename', real.rename),
    mkdir: counted('mkdir', real.mkdir as () => Promise<undefined>) as typeof real.mkdir,
  };
}
