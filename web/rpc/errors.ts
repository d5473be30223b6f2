/** Errors across a port: structured clone keeps no classes, so each travels as its fields and is made again by its code. */
import {
  AbortError,
  ArgumentError,
  FileError,
  GpuError,
  type GpuErrorKind,
  GraphError,
  OvertoneError,
} from '../../src/engine/index.ts';
import { StorageError, WorkerError } from '../errors.ts';

export interface WireError {
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
  readonly code?: string;
  /** Of a GpuError. */
  readonly kind?: GpuErrorKind;
  readonly label?: string;
  /** Of a StorageError. */
  readonly room?: StorageError['room'];
}

export function toWire(error: unknown): WireError {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) };
  const { name, message, stack } = error;
  if (!(error instanceof OvertoneError)) return { name, message, stack };
  const { code } = error;
  if (error instanceof GpuError) return { name, message, stack, code, kind: error.kind, label: error.label };
  if (error instanceof StorageError) return { name, message, stack, code, room: error.room };
  return { name, message, stack, code };
}

/** The error as it was thrown, of the same class where it is one of ours; its stack is the other side's. */
export function fromWire(wire: WireError): Error {
  const error = Object.assign(make(wire), { message: wire.message, name: wire.name });
  if (wire.stack) error.stack = wire.stack;
  return error;
}

function make({ code, message, kind, label, room }: WireError): Error {
  if (kind) return new GpuError(kind, label ?? '', message);
  switch (code) {
    case undefined:
      return new Error(message);
    case 'graph':
      return new GraphError(message);
    case 'file':
      return new FileError(message);
    case 'argument':
      return new ArgumentError(message);
    case 'aborted':
      return new AbortError('');
    case 'worker':
      return new WorkerError(message);
    case 'storage':
      return new StorageError(message, room);
    default:
      return new OvertoneError(code, message);
  }
}
