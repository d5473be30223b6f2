/**
 * Child processes of set-up and tests, and the signals that end them. Every child leads its own process group, so a
 * Ctrl-C typed at the terminal reaches this process alone, and this process can end a child with all its descendants.
 */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];
const GRACE_MS = 600;
const POSIX = process.platform !== 'win32';
const live = new Set();
let stopping = false;

/** Runs a command to its end; resolves to { code, output } (output only where stdio is piped). A child past `timeoutMs` is killed. */
export function run(command, args, { stdio = 'pipe', timeoutMs = 0, ...options } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      stdio: stdio === 'pipe' ? ['ignore', 'pipe', 'pipe'] : stdio,
      detached: POSIX,
      ...options,
    });
    const timer = timeoutMs ? setTimeout(() => kill(child, 'SIGKILL'), timeoutMs) : undefined;
    let output = '';
    live.add(child);
    child.stdout?.on('data', (bytes) => (output += bytes));
    child.stderr?.on('data', (bytes) => (output += bytes));
    const end = (code, note = '') => {
      clearTimeout(timer);
      live.delete(child);
      if (stopping) return; // whoever waits must not go on: the process is ending
      resolve({ code, output: output + note });
    };
    child.on('error', (error) => end(127, error.message));
    child.on('close', (code, signal) => end(code ?? 128 + constants.signals[signal]));
  });
}

function kill(child, signal) {
  try {
    if (POSIX) process.kill(-child.pid, signal);
    else child.kill(signal);
  } catch {
    // the group is gone already
  }
}

/**
 * Until the returned function is called: a signal ends all children (asked first, killed after 0.6 s), calls `cleanUp`
 * and exits with 128 + its number. `cleanUp` also runs at any other exit. Signals after the first change nothing: the
 * end is under a second away, and npm repeats a Ctrl-C that the terminal already sent to its whole group.
 */
export function guard(cleanUp) {
  const stop = (signal) => {
    if (stopping) return;
    stopping = true;
    for (const child of live) kill(child, 'SIGTERM');
    const deadline = Date.now() + GRACE_MS;
    const poll = setInterval(() => {
      if (live.size > 0 && Date.now() < deadline) return;
      clearInterval(poll);
      process.exit(128 + constants.signals[signal]);
    }, 20);
  };
  const atExit = () => {
    for (const child of live) kill(child, 'SIGKILL');
    cleanUp();
  };
  for (const signal of SIGNALS) process.on(signal, stop);
  process.on('exit', atExit);
  return () => {
    for (const signal of SIGNALS) process.off(signal, stop);
    process.off('exit', atExit);
    cleanUp();
  };
}

/** npm passes SIGINT and SIGTERM on but dies of SIGHUP alone: when npm is gone, this process takes the SIGHUP itself. */
export function followNpm() {
  if (!POSIX || !process.env.npm_lifecycle_event) return;
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    process.kill(process.pid, 'SIGHUP');
  }, 100);
  watch.unref();
}
