/** Starts the built command line as a child process, in an empty folder of its own. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

export const MAIN = fileURLToPath(new URL('../../dist/node/main.js', import.meta.url));

export interface Ended {
  /** The exit code, or the name of the signal that killed the process. */
  readonly code: number | string;
  readonly stdout: string;
  /** Without the two lines that Dawn writes when it meets a CPU adapter. */
  readonly stderr: string;
}

export interface Running {
  readonly folder: string;
  readonly child: ChildProcessWithoutNullStreams;
  readonly ended: Promise<Ended>;
  /** Resolves when stderr has said so. */
  said(text: string): Promise<void>;
  /** What stderr has said so far. */
  heard(): string;
}

/** Starts `overtone` with `args`; `shell` is a line of bash that runs it as "$@". The folder and the process go at the end of the test. */
export function start(
  args: readonly string[],
  { input, env, shell }: { input?: string | Uint8Array; env?: Record<string, string>; shell?: string } = {},
): Running {
  if (!existsSync(MAIN)) throw new Error('dist/node/main.js must be built: npm run build');
  const folder = mkdtempSync(join(tmpdir(), 'overtone-cli-'));
  const command = [process.execPath, MAIN, ...args];
  const [program, ...rest] = shell === undefined ? command : ['bash', '-c', shell, 'bash', ...command];
  const child = spawn(program, rest, {
    cwd: folder,
    env: { ...process.env, OVERTONE_TUNE_FILE: join(folder, 'none'), ...env },
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (bytes) => (stdout += String(bytes)));
  child.stderr.on('data', (bytes) => (stderr += String(bytes)));
  child.stdin.on('error', () => undefined);
  child.stdin.end(input ?? '');
  const ended = new Promise<Ended>((resolve) =>
    child.on('close', (code, signal) =>
      resolve({ code: code ?? signal ?? 'gone', stdout, stderr: stderr.replace(/^Warning: maxDynamic.*\n/gm, '') }),
    ),
  );
  const said = (text: string) =>
    new Promise<void>((resolve, reject) => {
      const look = () => stderr.includes(text) && resolve();
      child.stderr.on('data', look);
      void ended.then(({ code }) => reject(new Error(`ended with ${code} before it said ${text}: ${stderr}`)));
      look();
    });
  return { folder, child, ended, said, heard: () => stderr };
}

export const overtone = (args: readonly string[], options?: Parameters<typeof start>[1]): Promise<Ended> =>
  start(args, options).ended;
