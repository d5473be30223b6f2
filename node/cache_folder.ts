/** Where this system keeps what can be made or fetched again. */
import { homedir } from 'node:os';
import { join } from 'node:path';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Path of Overtone's cache folder: OVERTONE_CACHE, or `overtone` where this system keeps caches. */
export function cacheFolder(env: Environment = process.env, platform = process.platform, home = homedir()): string {
  if (env.OVERTONE_CACHE) return env.OVERTONE_CACHE;
  const usual =
    platform === 'darwin'
      ? join(home, 'Library/Caches')
      : platform === 'win32'
        ? (env.LOCALAPPDATA ?? join(home, 'AppData/Local'))
        : join(home, '.cache');
  // the XDG rules ask for an absolute path, and to ignore another
  const base = env.XDG_CACHE_HOME?.startsWith('/') ? env.XDG_CACHE_HOME : usual;
  return join(base, 'overtone');
}
