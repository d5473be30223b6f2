/**
 * range: the largest magnitude among rows of a tensor, into one word. Magnitudes are compared as the whole numbers of their bits without the sign,
 * which sort alike and put infinity above every number and NaN above infinity: no arithmetic of the device can lose them.
 *
 * Invocation i of G·64 looks at elements i, i + G·64, …; each workgroup adds its largest to the word with an atomic maximum.
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { entry, groupIndex } from './common.ts';

const LANES = 64;

/** Elements of an invocation that there are at least, where the tensor has them. */
export const rangeStretch = 64;

export function rangeShader(): string {
  return wgsl`
struct Params {
  count: u32,      // elements
  width: u32,      // of a row
  offset: u32,     // of the first element
  stride: u32,     // from row to row
  groups: u32,
  slot: u32,       // the word
}
@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> largest: array<atomic<u32>>;
@group(0) @binding(2) var<uniform> params: Params;
var<workgroup> best: atomic<u32>;
${entry(LANES)} {
  var own = 0u;
  for (var i = ${groupIndex} * ${LANES}u + lane; i < params.count; i += params.groups * ${LANES}u) {
    let row = i / params.width;
    own = max(own, x[params.offset + row * params.stride + i - row * params.width] & 0x7fffffffu);
  }
  atomicMax(&best, own);
  workgroupBarrier();
  if (lane == 0u) { atomicMax(&largest[params.slot], atomicLoad(&best)); }
}
`;
}
