/**
 * Reads a kernel's interface from its WGSL: storage bindings, the uniform `Params` struct and the entry's features. The WGSL is the one
 * place where a kernel's interface is written; ops name its bindings and fields, and a name that does not match is an error at compile time.
 */
import { GraphError } from './errors.ts';

export interface Binding {
  readonly name: string;
  readonly index: number;
  /** `texture`: a tensor as an image of vec4s; `weights`: an image of weights; see `Operand`. */
  readonly kind: 'read' | 'write' | 'texture' | 'weights';
}

export interface Field {
  readonly name: string;
  readonly type: 'u32' | 'i32' | 'f32';
}

export interface ShaderInterface {
  readonly bindings: readonly Binding[];
  readonly params: { readonly index: number; readonly fields: readonly Field[] } | undefined;
}

const storage = /@group\(0\)\s*@binding\((\d+)\)\s*var<storage,\s*(read|read_write)>\s*(\w+)\s*:/g;
const texture = /@group\(0\)\s*@binding\((\d+)\)\s*var\s+(\w+)\s*:\s*texture_2d<(f32|u32)>/g;
const uniform = /@group\(0\)\s*@binding\((\d+)\)\s*var<uniform>\s*params\s*:\s*Params/;
const struct = /struct Params\s*\{([^}]*)\}/;

const known = new Map<string, ShaderInterface>();

export function shaderInterface(label: string, text: string): ShaderInterface {
  const before = known.get(text);
  if (before) return before;
  const bindings: Binding[] = [
    ...[...text.matchAll(storage)].map((m): Binding => ({
      name: m[3],
      index: Number(m[1]),
      kind: m[2] === 'read' ? 'read' : 'write',
    })),
    ...[...text.matchAll(texture)].map((m): Binding => ({
      name: m[2],
      index: Number(m[1]),
      kind: m[3] === 'f32' ? 'texture' : 'weights',
    })),
  ].sort((a, b) => a.index - b.index);
  const at = uniform.exec(text);
  const body = struct.exec(text);
  if (!!at !== !!body)
    throw new GraphError(`[${label}] a kernel must have both struct Params and its uniform binding, or neither`);
  const fields = (body?.[1] ?? '')
    .replace(/\/\/.*$/gm, '')
    .split(',')
    .map((line) => line.trim())
    .filter(Boolean)
    .map((line): Field => {
      const m = /^(\w+)\s*:\s*(u32|i32|f32)$/.exec(line);
      if (!m) throw new GraphError(`[${label}] Params must hold u32, i32 and f32 fields but has "${line}"`);
      return { name: m[1], type: m[2] as Field['type'] };
    });
  const result = { bindings, params: at ? { index: Number(at[1]), fields } : undefined };
  known.set(text, result);
  return result;
}

/** Throws unless the op names exactly the bindings and fields that the kernel has. */
export function checkInterface(
  label: string,
  shader: ShaderInterface,
  bind: readonly string[],
  params: readonly string[],
): void {
  const compare = (what: string, has: readonly string[], given: readonly string[]) => {
    const missing = has.filter((n) => !given.includes(n));
    const extra = given.filter((n) => !has.includes(n));
    if (missing.length || extra.length)
      throw new GraphError(
        `[${label}] ${what} must be ${has.join(', ') || 'none'} but got ${given.join(', ') || 'none'}`,
      );
  };
  compare(
    'bindings',
    shader.bindings.map((b) => b.name),
    bind,
  );
  compare('params', shader.params?.fields.map((f) => f.name) ?? [], params);
}
