/**
 * Pieces that several kernels share: how packed weights widen to f32, the workgroup's number in a folded grid, and unrolled text.
 * Convention of all kernels: group 0; `Params` is the last binding; workgroups are counted in one line (`groupIndex`).
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';

export type Storage = 'f32' | 'f16' | 'bf16';

/** The same function of its options (plain values), which makes each text once: plans of large models ask for the same kernels hundreds of times. */
export function cached<Options extends object>(make: (options: Options) => string): (options: Options) => string {
  const made = new Map<string, string>();
  return (options) => {
    const key = JSON.stringify(options);
    let text = made.get(key);
    if (text === undefined) made.set(key, (text = make(options)));
    return text;
  };
}

/** Matrices may also be quantised, as `src/engine/quantise.ts` lays them out. */
export type MatrixStorage = Storage | 'q8' | 'q4';

/** Words of a group of 32 quantised values. */
export const groupWords = { q8: 9, q4: 5 } as const;

/** Text for i = 0 … n−1. */
export function unroll(n: number, line: (i: number) => string, separator = '\n'): string {
  return Array.from({ length: n }, (_, i) => line(i)).join(separator);
}

/** `name_at4(i)`: elements 4i … 4i+3 of a tensor bound as `name`, as vec4f; with `scalar`, `name_at(i)`: element i as f32. */
export function declareTensor(binding: number, name: string, dtype: MatrixStorage, scalar = false): string {
  if (dtype === 'q8' || dtype === 'q4') return declareQuantised(binding, name, dtype);
  const type = dtype === 'f32' ? (scalar ? 'f32' : 'vec4f') : scalar ? 'u32' : 'vec2u';
  return wgsl`
@group(0) @binding(${binding}) var<storage, read> ${name}: array<${type}>;
#if ${dtype === 'f32' && !scalar}
fn ${name}_at4(i: u32) -> vec4f { return ${name}[i]; }
#elif ${dtype === 'f32'}
fn ${name}_at(i: u32) -> f32 { return ${name}[i]; }
#elif ${dtype === 'bf16' && !scalar}
fn ${name}_at4(i: u32) -> vec4f {
  let w = ${name}[i];
  return vec4f(bitcast<f32>(w.x << 16u), bitcast<f32>(w.x & 0xffff0000u), bitcast<f32>(w.y << 16u), bitcast<f32>(w.y & 0xffff0000u));
}
#elif ${dtype === 'bf16'}
fn ${name}_at(i: u32) -> f32 {
  let w = ${name}[i >> 1u];
  return bitcast<f32>(select(w << 16u, w & 0xffff0000u, (i & 1u) == 1u));
}
#elif ${!scalar}
fn ${name}_at4(i: u32) -> vec4f {
  let w = ${name}[i];
  return vec4f(unpack2x16float(w.x), unpack2x16float(w.y));
}
#else
fn ${name}_at(i: u32) -> f32 {
  let w = unpack2x16float(${name}[i >> 1u]);
  return select(w.x, w.y, (i & 1u) == 1u);
}
#endif
`;
}

/** Both ways to read a quantised tensor. */
function declareQuantised(binding: number, name: string, dtype: 'q8' | 'q4'): string {
  return wgsl`
@group(0) @binding(${binding}) var<storage, read> ${name}: array<u32>;
fn ${name}_at4(i: u32) -> vec4f {
${dequantise(dtype, (i) => `${name}[${i}]`)}
}
fn ${name}_at(i: u32) -> f32 { return ${name}_at4(i / 4u)[i % 4u]; }
`;
}

/** Body of a function that returns quantised elements 4i … 4i+3; `word` is the text that reads a word. */
function dequantise(dtype: 'q8' | 'q4', word: (i: string) => string): string {
  return wgsl`
  let at = i / 8u * ${groupWords[dtype]}u;
  let scale = unpack2x16float(${word('at')});
#if ${dtype === 'q8'}
  let q = bitcast<i32>(${word('at + 1u + i % 8u')});
  return vec4f((vec4i(q) << vec4u(24u, 16u, 8u, 0u)) >> vec4u(24u)) * scale.x;
#else
  let q = ${word('at + 1u + i % 8u / 2u')} >> (i % 2u * 16u);
  return fma(vec4f((vec4u(q) >> vec4u(0u, 4u, 8u, 12u)) & vec4u(15u)), vec4f(scale.x), vec4f(scale.y));
#endif
`;
}

/** `name_at4(start, i)`: elements 4i … 4i+3, as vec4f, of a row of a weight in blocks of 32 rows (see `Layout`). Its words are 32 apart from `start` on. */
export function declareBlocks(binding: number, name: string, dtype: MatrixStorage): string {
  const word = (i: string) => `${name}[start + (${i}) * 32u]`;
  return wgsl`
@group(0) @binding(${binding}) var<storage, read> ${name}: array<u32>;
fn ${name}_at4(start: u32, i: u32) -> vec4f {
#if ${dtype === 'q8' || dtype === 'q4'}
${dtype === 'q8' || dtype === 'q4' ? dequantise(dtype, word) : ''}
#elif ${dtype === 'f32'}
  return bitcast<vec4f>(vec4u(${unroll(4, (n) => word(`4u * i + ${n}u`), ', ')}));
#elif ${dtype === 'bf16'}
  let w = vec2u(${word('2u * i')}, ${word('2u * i + 1u')});
  return bitcast<vec4f>(vec4u(w.x << 16u, w.x & 0xffff0000u, w.y << 16u, w.y & 0xffff0000u));
#else
  return vec4f(unpack2x16float(${word('2u * i')}), unpack2x16float(${word('2u * i + 1u')}));
#endif
}
`;
}

/** Words of a row of `width` elements, which fill whole words. */
export function rowWords(dtype: MatrixStorage, width: number): number {
  if (dtype === 'q8' || dtype === 'q4') return (width / 32) * groupWords[dtype];
  return dtype === 'f32' ? width : width / 2;
}

/** Texels across a flat image, which holds a tensor's vec4s one after the other. A power of 2. */
export const flatWidth = 4096;

/** Where vec4 number `at` lies in a flat image. */
export function flatTexel(at: string): string {
  return `vec2u((${at}) % ${flatWidth}u, (${at}) / ${flatWidth}u)`;
}

/** Number of this workgroup in a grid that may be folded into two dimensions. */
export const groupIndex = 'group.y * count.x + group.x';

/** Entry head: `lane` is the invocation's number in its workgroup, `group` and `count` feed `groupIndex`. */
export function entry(lanes: number): string {
  return `@compute @workgroup_size(${lanes})
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) count: vec3u,
  @builtin(local_invocation_index) lane: u32,
)`;
}
