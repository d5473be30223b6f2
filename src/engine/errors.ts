/**
 * Every error this library throws on purpose. A message is one sentence: the subject, what it must be, what it was, and the cure.
 * `code` is stable and meant for programs; the class says whose fault it was.
 */
export class OvertoneError extends Error {
  readonly code: string;
  constructor(code: string, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** A graph that cannot be built: wrong shape, dtype or option. Thrown while the graph is built, before any GPU work. */
export class GraphError extends OvertoneError {
  constructor(message: string) {
    super('graph', message);
  }
}

/** A file that cannot be read as what it should be: broken, hostile, incomplete, or of another kind. */
export class FileError extends OvertoneError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('file', message, options);
  }
}

/** An argument of a public call that is out of range or of the wrong kind. */
export class ArgumentError extends OvertoneError {
  constructor(message: string) {
    super('argument', message);
  }
}

export type GpuErrorKind = 'no-adapter' | 'validation' | 'out-of-memory' | 'lost' | 'internal';

/** Something the GPU or its driver refused; `label` names the kernel, buffer or step that failed. */
export class GpuError extends OvertoneError {
  readonly kind: GpuErrorKind;
  readonly label: string;
  constructor(kind: GpuErrorKind, label: string, message: string, options?: { cause?: unknown }) {
    super(`gpu-${kind}`, message, options);
    this.kind = kind;
    this.label = label;
  }
}

/** The caller's AbortSignal fired; everything the call held has been given back. */
export class AbortError extends OvertoneError {
  constructor(subject: string, options?: { cause?: unknown }) {
    super('aborted', `[${subject}] was cancelled`, options);
  }
}

/** Throws AbortError when `signal` has fired. */
export function throwIfAborted(signal: AbortSignal | undefined, subject: string): void {
  if (signal?.aborted) throw new AbortError(subject, { cause: signal.reason });
}
