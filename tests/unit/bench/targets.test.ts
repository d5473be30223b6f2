/** Which rows a target looks at, and what it says of the worst of them. */
import { expect, it } from 'vitest';
import { verdicts } from '../../../bench/targets.ts';
import { record, row } from './records.ts';

const rows = [
  row({ shape: '1088×1536×1536 f32 no bias', share: 0.5, call: 1, peers: { tfjs: 9, 'jax-js': 8 } }),
  row({ shape: '335×1536×1536 f32', share: 0.44 }),
  row({ shape: '335×128×1536 f32', share: 0.01 }),
  row({ shape: '1×1536×8960 bf16', bound: 'memory', gbps: 11 }),
  row({ shape: '1×512×192 bf16', bound: 'memory', gbps: 4 }),
  row({ op: 'conv2d', shape: '3×3 32→32 @128×128 f32 same residual', share: 0.41 }),
  row({ op: 'attention', shape: '1×1×335×64 7·2 heads causal past 334', share: 0.01 }),
  row({ op: 'layer_norm', shape: '320×768 affine', bound: 'memory', share: 0.7, call: 2, peers: { tfjs: 1 } }),
  row({ op: 'silu', shape: '1×8', bound: 'launch', share: 0.1 }),
];

it('takes the worst of the rows that it is about', () => {
  const found = verdicts(record({ adapter: 'mesa software llvmpipe-llvm', rows }));
  expect(found.map((v) => [v.what, v.measure, v.worst, v.met])).toEqual([
    ['linear, 320 rows and more, f32', 'of f32 rate', 0.44, false],
    ['linear, 320 rows and more, f32', 'times the fastest peer', 8, true],
    ['linear, one row, bf16', 'GB/s', 11, true],
    ['conv 3×3, 32 channels', 'of f32 rate', 0.41, true],
    ['norms and element by element', 'of kernel copy', 0.7, true],
    ['norms and element by element', 'times the fastest peer', 0.5, false],
  ]);
  expect(found[0].shape).toBe('linear 335×1536×1536 f32');
});

it('has fewer for SwiftShader and none for a GPU', () => {
  const found = verdicts(record({ adapter: 'google swiftshader swiftshader-device-subzero-', rows }));
  expect(found.map((v) => v.what)).toEqual(['linear, 32 rows and more', 'linear, 32 rows and more', 'every op']);
  expect(verdicts(record({ adapter: 'nvidia ampere', rows }))).toEqual([]);
});
