/**
 * Ctrl-C and its kin. The first signal aborts the work, which then gives everything back; work that has not ended a third of a second
 * later is cut off (a driver may be compiling a kernel and cannot be asked to stop). A second signal ends the process at once.
 */
import { readFileSync, readlinkSync } from 'node:fs';

const CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
const GRACE_MS = 350;
/** npm passes on the Ctrl-C that the terminal already sent to everyone: the same signal again this soon is no second one. */
const ECHO_MS = 200;

export interface Interrupts {
  readonly signal: AbortSignal;
  /** The exit code of the signal that came, if one did. */
  code(): number | undefined;
}

/** Answers the three signals from now on; `exit` ends the process. A hangup passes where whoever started us ignores hangups. */
export function listen(
  exit: (code: number) => void = (code) => process.exit(code),
  ignoresHangups = hangupsAreIgnored(),
): Interrupts {
  const controller = new AbortController();
  let first: { code: number; at: number } | undefined;
  for (const [name, code] of Object.entries(CODES))
    process.on(name, () => {
      if (name === 'SIGHUP' && ignoresHangups) return;
      if (first) {
        if (performance.now() - first.at > ECHO_MS) exit(first.code);
        return;
      }
      first = { code, at: performance.now() };
      setTimeout(() => exit(code), GRACE_MS);
      controller.abort();
    });
  return { signal: controller.signal, code: () => first?.code };
}

/**
 * Node forgets at its start which signals were to be ignored, so this asks what is left of it on Linux: the shell that started us
 * ignores hangups itself, or nohup has put /dev/null, open for writing only, in the place of a terminal's stdin.
 */
function hangupsAreIgnored(): boolean {
  try {
    const ignored = /^SigIgn:\s*([\da-f]+)$/m.exec(readFileSync(`/proc/${process.ppid}/status`, 'utf8'))?.[1] ?? '0';
    if (BigInt(`0x${ignored}`) & SIGHUP_BIT) return true;
    const mode = Number.parseInt(
      /^flags:\s*([0-7]+)$/m.exec(readFileSync('/proc/self/fdinfo/0', 'utf8'))?.[1] ?? '0',
      8,
    );
    return (mode & 3) === WRITE_ONLY && readlinkSync('/proc/self/fd/0') === '/dev/null';
  } catch {
    return false;
  }
}

const SIGHUP_BIT = 1n;
const WRITE_ONLY = 1;
