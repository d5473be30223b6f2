/**
 * A reader of Python pickles that runs nothing: opcodes of protocols 2 to 4 from an allow-list build typed descriptors, a "call" is only
 * written down, and every length, depth and count has a budget. What the descriptors mean is the business of torch.ts.
 */
import { FileError } from '../errors.ts';
import { decodeUtf8, viewOf } from './wire.ts';

/**
 * What a global name may be used for: `dict` makes a dict when called without arguments, `call` is kept as a description of the call,
 * `value` may only be mentioned, `opaque` may be called and means nothing here, `object` is opaque and may also get a state.
 */
export type NameUse = 'dict' | 'call' | 'value' | 'opaque' | 'object';

export interface PickleTuple {
  readonly kind: 'tuple';
  readonly items: readonly PickleValue[];
  readonly depth: number;
}
export interface PickleDict {
  readonly kind: 'dict';
  /** Made on the first insertion: a million empty dicts cost little. */
  entries: Map<PickleValue, PickleValue> | undefined;
  readonly ordered: boolean;
  depth: number;
}
export interface PickleGlobal {
  readonly kind: 'global';
  /** "module name", as pickles spell it. */
  readonly name: string;
  readonly use: NameUse;
}
export interface PickleCall {
  readonly kind: 'call';
  readonly name: string;
  readonly args: readonly PickleValue[];
  readonly depth: number;
}
export interface PicklePersistent {
  readonly kind: 'persistent';
  readonly id: PickleValue;
  readonly depth: number;
}
/** A list; what it holds is not kept, since no weight is ever found by a place in a list. */
export interface PickleList {
  readonly kind: 'list';
  depth: number;
}
/** Floats, bytes, integers past 2^53, NumPy scalars, devices, …: present, and nothing more is known of them. */
export interface PickleOpaque {
  readonly kind: 'opaque';
}
/** Opaque as well, but of a class whose instances carry a state. */
export interface PickleObject {
  readonly kind: 'object';
}
export type PickleValue =
  | null
  | boolean
  | number
  | string
  | PickleTuple
  | PickleDict
  | PickleGlobal
  | PickleCall
  | PicklePersistent
  | PickleList
  | PickleObject
  | PickleOpaque;

const MAX_OPCODES = 1_000_000;
const MAX_DEPTH = 64;
const MAX_MEMO = 1_000_000;
const MAX_STRING = 64 * 1024;
// The largest things an opcode can make. An empty dict stands beside each tensor, for its hooks; few have entries.
const MAX_DICTS = 250_000;
const MAX_FILLED_DICTS = 100_000;
const OPAQUE: PickleOpaque = { kind: 'opaque' };
const EMPTY: PickleTuple = { kind: 'tuple', items: [], depth: 1 };

/** Reads one pickle that fills `bytes`. `use` says what a global "module name" is good for, and throws for one that is refused. */
export function readPickle(subject: string, bytes: Uint8Array, use: (global: string) => NameUse): PickleValue {
  const view = viewOf(bytes);
  const stack: PickleValue[] = [];
  const marks: number[] = [];
  const memo = new Map<number, PickleValue>();
  const globals = new Map<string, PickleGlobal>();
  let memoKind: 'put' | 'memoize' | undefined;
  let dicts = 0;
  let filled = 0;
  let at = 0;

  function fail(why: string): never {
    throw new FileError(`${subject} ${why} (at byte ${at}); it is damaged or no plain checkpoint.`);
  }
  /** Moves past `length` bytes and returns where they start. */
  function take(length: number): number {
    if (!(length <= bytes.length - at)) fail(`ends in the middle of a value of ${length} bytes`);
    const from = at;
    at += length;
    return from;
  }
  function long(): number {
    const from = take(8);
    return view.getUint32(from, true) + view.getUint32(from + 4, true) * 2 ** 32;
  }
  function string(length: number): string {
    if (length > MAX_STRING) fail(`has a string of ${length} bytes; at most ${MAX_STRING} are read`);
    const from = take(length);
    return decodeUtf8(bytes.subarray(from, at)) ?? fail('has a string that is not UTF-8');
  }
  function skipBytes(length: number): void {
    if (length > MAX_STRING) fail(`has ${length} bytes in one value; at most ${MAX_STRING} are read`);
    take(length);
    stack.push(OPAQUE);
  }
  /** Little-endian two's complement; past 53 bits only its presence is kept. */
  function integer(length: number): void {
    if (length > MAX_STRING) fail(`has an integer of ${length} bytes`);
    const from = take(length);
    let value = 0;
    for (let i = length - 1; i >= 0; i--) value = value * 256 + bytes[from + i];
    if (length > 0 && bytes[at - 1] & 0x80) value -= 256 ** length;
    stack.push(length <= 8 && Number.isSafeInteger(value) ? value : OPAQUE);
  }
  function line(): string {
    const end = bytes.indexOf(10, at);
    if (end < 0 || end - at > 512) fail('has a name without an end');
    const value = string(end - at);
    at = end + 1;
    return value;
  }
  function pop(): PickleValue {
    if (stack.length <= (marks.at(-1) ?? 0)) fail('takes a value from an empty stack');
    return stack.pop() as PickleValue;
  }
  function top(): PickleValue {
    if (stack.length <= (marks.at(-1) ?? 0)) fail('uses a value of an empty stack');
    return stack[stack.length - 1];
  }
  function popMark(): PickleValue[] {
    const mark = marks.pop();
    if (mark === undefined) return fail('closes a group that was never opened');
    return stack.splice(mark);
  }
  function popTuple(): PickleTuple {
    const value = pop();
    return isKind(value, 'tuple') ? value : fail('calls something without a tuple of arguments');
  }
  /** The depth of something that holds `inside`. */
  function over(inside: readonly PickleValue[]): number {
    let depth = 0;
    for (const value of inside) depth = Math.max(depth, depthOf(value));
    if (depth >= MAX_DEPTH) fail(`nests deeper than ${MAX_DEPTH} levels`);
    return depth + 1;
  }
  function tuple(items: readonly PickleValue[]): void {
    stack.push({ kind: 'tuple', items, depth: over(items) });
  }
  function global(module: string, name: string): void {
    const full = `${module} ${name}`;
    let known = globals.get(full);
    if (!known) globals.set(full, (known = { kind: 'global', name: full, use: use(full) }));
    stack.push(known);
  }
  function dict(ordered: boolean): void {
    if (++dicts > MAX_DICTS) fail(`has more than ${MAX_DICTS} dicts`);
    stack.push({ kind: 'dict', entries: undefined, ordered, depth: 1 });
  }
  function call(callee: PickleValue, { items: args }: PickleTuple): void {
    if (!isKind(callee, 'global') || callee.use === 'value')
      return fail('calls something that is not a known constructor');
    if (callee.use === 'dict') {
      if (args.length) fail(`calls ${callee.name} with arguments`);
      dict(true);
    } else if (callee.use === 'call') stack.push({ kind: 'call', name: callee.name, args, depth: over(args) });
    else stack.push({ kind: callee.use });
  }
  function setItems(pairs: readonly PickleValue[]): void {
    const target = top();
    if (!isKind(target, 'dict')) return fail('adds keys to something that is not a dict');
    if (pairs.length % 2) fail('has a key without a value');
    if (!target.entries && ++filled > MAX_FILLED_DICTS) fail(`has more than ${MAX_FILLED_DICTS} dicts with entries`);
    target.entries ??= new Map();
    for (let i = 0; i < pairs.length; i += 2) {
      if (target.entries.has(pairs[i])) fail(`has the key ${String(pairs[i]).slice(0, 80)} twice in one dict`);
      target.entries.set(pairs[i], pairs[i + 1]);
    }
    target.depth = Math.max(target.depth, over(pairs));
  }
  function append(items: readonly PickleValue[]): void {
    const list = top();
    if (!isKind(list, 'list')) return fail('appends to something that is not a list');
    list.depth = Math.max(list.depth, over(items));
  }
  function put(kind: 'put' | 'memoize', key: number): void {
    if ((memoKind ??= kind) !== kind) fail('mixes two ways of numbering its memo');
    if (memo.has(key)) fail(`stores memo entry ${key} twice`);
    if (memo.size >= MAX_MEMO) fail(`has more than ${MAX_MEMO} memo entries`);
    memo.set(key, top());
  }
  function get(key: number): void {
    const value = memo.get(key);
    if (value === undefined) fail(`asks for memo entry ${key}, which was never stored`);
    stack.push(value as PickleValue);
  }

  if (bytes[0] !== 0x80 || bytes[1] < 2 || bytes[1] > 4) fail('is not a pickle of protocol 2 to 4');
  at = 2;
  for (let opcodes = 1; ; opcodes++) {
    if (opcodes > MAX_OPCODES) fail(`has more than ${MAX_OPCODES} opcodes`);
    if (at >= bytes.length) fail('ends without its STOP mark');
    const opcode = bytes[at++];
    // prettier-ignore
    switch (opcode) {
      case 0x2e: { // STOP
        if (at !== bytes.length) fail(`has ${bytes.length - at} bytes after its end`);
        if (stack.length !== 1 || marks.length) fail(`must hold one dict of tensors but holds ${stack.length} values`);
        return stack[0];
      }
      case 0x95: { const length = long(); if (length > bytes.length - at) fail(`has a frame of ${length} bytes, more than are left`); break; } // FRAME
      case 0x28: if (marks.push(stack.length) > MAX_DEPTH) fail(`nests deeper than ${MAX_DEPTH} levels`); break; // MARK
      case 0x4e: stack.push(null); break; // NONE
      case 0x88: stack.push(true); break; // NEWTRUE
      case 0x89: stack.push(false); break; // NEWFALSE
      case 0x4b: stack.push(bytes[take(1)]); break; // BININT1
      case 0x4d: stack.push(view.getUint16(take(2), true)); break; // BININT2
      case 0x4a: stack.push(view.getInt32(take(4), true)); break; // BININT
      case 0x8a: integer(bytes[take(1)]); break; // LONG1
      case 0x8b: integer(view.getUint32(take(4), true)); break; // LONG4
      case 0x47: take(8); stack.push(OPAQUE); break; // BINFLOAT
      case 0x8c: stack.push(string(bytes[take(1)])); break; // SHORT_BINUNICODE
      case 0x58: stack.push(string(view.getUint32(take(4), true))); break; // BINUNICODE
      case 0x8d: stack.push(string(long())); break; // BINUNICODE8
      case 0x43: skipBytes(bytes[take(1)]); break; // SHORT_BINBYTES
      case 0x42: skipBytes(view.getUint32(take(4), true)); break; // BINBYTES
      case 0x8e: skipBytes(long()); break; // BINBYTES8
      case 0x29: stack.push(EMPTY); break; // EMPTY_TUPLE
      case 0x85: tuple([pop()]); break; // TUPLE1
      case 0x86: { const b = pop(); tuple([pop(), b]); break; } // TUPLE2
      case 0x87: { const c = pop(); const b = pop(); tuple([pop(), b, c]); break; } // TUPLE3
      case 0x74: tuple(popMark()); break; // TUPLE
      case 0x5d: stack.push({ kind: 'list', depth: 1 }); break; // EMPTY_LIST
      case 0x61: append([pop()]); break; // APPEND
      case 0x65: append(popMark()); break; // APPENDS
      case 0x7d: dict(false); break; // EMPTY_DICT
      case 0x73: { const value = pop(); setItems([pop(), value]); break; } // SETITEM
      case 0x75: setItems(popMark()); break; // SETITEMS
      case 0x71: put('put', bytes[take(1)]); break; // BINPUT
      case 0x72: put('put', view.getUint32(take(4), true)); break; // LONG_BINPUT
      case 0x94: put('memoize', memo.size); break; // MEMOIZE
      case 0x68: get(bytes[take(1)]); break; // BINGET
      case 0x6a: get(view.getUint32(take(4), true)); break; // LONG_BINGET
      case 0x63: { const module = line(); global(module, line()); break; } // GLOBAL
      case 0x93: { // STACK_GLOBAL
        const name = pop();
        const module = pop();
        if (typeof name !== 'string' || typeof module !== 'string') return fail('names a global by something that is not text');
        global(module, name);
        break;
      }
      case 0x51: { const id = pop(); stack.push({ kind: 'persistent', id, depth: over([id]) }); break; } // BINPERSID
      case 0x52: { const args = popTuple(); call(pop(), args); break; } // REDUCE
      case 0x81: { // NEWOBJ
        const args = popTuple();
        const callee = pop();
        if (!isKind(callee, 'global') || callee.use !== 'object') return fail('makes an object of a class that is not known');
        call(callee, args);
        break;
      }
      case 0x62: { // BUILD: the state of an OrderedDict (`_metadata`) or of an opaque object, dropped
        pop();
        const target = top();
        if (!(isKind(target, 'dict') && target.ordered) && !isKind(target, 'object')) fail('sets the state of something that must not have one');
        break;
      }
      default: at--; fail(`uses the opcode 0x${opcode.toString(16).padStart(2, '0')}, which is not allowed`);
    }
  }
}

/** Whether a value is a descriptor of this kind. */
export function isKind<K extends Exclude<PickleValue, null | boolean | number | string>['kind']>(
  value: PickleValue | undefined,
  kind: K,
): value is Extract<PickleValue, { readonly kind: K }> {
  return typeof value === 'object' && value !== null && value.kind === kind;
}

function depthOf(value: PickleValue): number {
  return typeof value === 'object' && value !== null && 'depth' in value ? value.depth : 0;
}
