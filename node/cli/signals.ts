/**
 * Ctrl-C and its kin. The first signal aborts the work, which then gives everything back; work that has not ended a third of a second
 * later is cut off (a driver may be compiling a kernel and cannot be asked to stop). A second signal ends the process at once.
 */
const CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
const GRACE_MS = 350;
/** npm passes on the Ctrl-C that the terminal already sent to everyone: the same signal again this soon is no second one. */
const ECHO_MS = 200;

export interface Interrupts {
  readonly signal: AbortSignal;
  /** The exit code of the signal that came, if one did. */
  code(): number | undefined;
}

/** Answers the three signals from now on; `exit` ends the process. */
export function listen(exit: (code: number) => void = (code) => process.exit(code)): Interrupts {
  const controller = new AbortController();
  let first: { code: number; at: number } | undefined;
  for (const [name, code] of Object.entries(CODES))
    process.on(name, () => {
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
