/** Which convolutions read their input as an image, and when it is copied there. */
import { expect, test } from 'vitest';
import { Graph, add, compile, conv2d } from '../../src/engine/index.ts';
import type { PlanOptions } from '../../src/engine/plan.ts';

/** The plan of two convolutions of one picture. */
function plan(side: number, channels: number, options: PlanOptions) {
  const graph = new Graph('two');
  const x = graph.input('x', [side, side, channels]);
  const conv = (name: string) => conv2d(x, graph.weight(name, [8, channels, 3, 3]));
  graph.output('y', add(conv('a'), conv('b')));
  return compile(graph, options);
}

const labels = (...of: Parameters<typeof plan>) => new Set(plan(...of).dispatches.map((d) => d.label));

test('subgroups of eight and 32 channels take the image', () => {
  expect(labels(16, 32, { subgroupSize: 8 })).toEqual(new Set(['conv2d_subgroup']));
  expect(labels(16, 32, { subgroupSize: 4 })).toEqual(new Set(['conv2d_rows']));
  expect(labels(16, 32, {})).toEqual(new Set(['conv2d_tile']));
  expect(labels(16, 32, { architecture: 'software' })).toEqual(new Set(['conv2d']));
  expect(labels(16, 36, { subgroupSize: 8 })).toEqual(new Set(['conv2d']));
});

test('a picture that no texture holds is read from its buffer', () => {
  // 8 lines of 4096 texels
  expect(labels(64, 32, { subgroupSize: 8, maxTextureDimension2D: 4096 })).toEqual(new Set(['conv2d_subgroup']));
  expect(labels(64, 32, { subgroupSize: 8, maxTextureDimension2D: 4095 })).toEqual(new Set(['conv2d']));
  const large = { maxStorageBufferBindingSize: 2 ** 36, maxBufferSize: 2 ** 36 };
  expect(labels(8192, 64, { subgroupSize: 8, ...large })).toEqual(new Set(['conv2d']));
});

test('two readers share one copy, in lines of 4096 texels', () => {
  const { images, dispatches } = plan(33, 64, { subgroupSize: 8 });
  expect(images).toEqual([{ width: 4096, height: 5 }]);
  expect(dispatches.map((d) => d.copies.length)).toEqual([1, 0]);
});
