/** One set-up at a time: a lock file that holds its owner's process id and is touched while the owner lives. */
import { linkSync, readFileSync, rmSync, statSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const STALE_MS = 60_000;

/** The process id in the lock at `path` while its owner is alive, otherwise 0. */
function owner(path) {
  try {
    const pid = Number(readFileSync(path, 'utf8'));
    if (Date.now() - statSync(path).mtimeMs > STALE_MS) return 0; // the id may belong to another process by now
    process.kill(pid, 0);
    return pid;
  } catch (error) {
    return error.code === 'EPERM' ? -1 : 0;
  }
}

/** Takes the lock, waiting for a living owner (`onWait` is called once with its id); resolves to the function that releases it. */
export async function takeLock(path, onWait) {
  const mine = `${path}.${process.pid}`;
  let waited = false;
  for (;;) {
    try {
      writeFileSync(mine, String(process.pid));
      linkSync(mine, path); // atomic, and the content is there from the start
      const beat = setInterval(() => utimesSync(path, new Date(), new Date()), 1000);
      beat.unref();
      return () => {
        clearInterval(beat);
        if (owner(path) === process.pid) unlinkSync(path);
      };
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    } finally {
      rmSync(mine, { force: true });
    }
    const other = owner(path);
    if (other === 0) rmSync(path, { force: true });
    else if (!waited) onWait(other);
    waited ||= other !== 0;
    await sleep(100);
  }
}
