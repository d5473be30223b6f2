/** What the ops on pictures refuse when a graph is built, and the sizes they give. */
import { expect, test } from 'vitest';
import { Graph, GraphError, columns, conv2d, extent, groupNorm, upsample } from '../../src/engine/index.ts';

const graph = new Graph('test');
const x = graph.input('x', [7, 8, 6]);
const weight = (name: string, ...shape: number[]) => graph.weight(name, shape);
const three = weight('three', 5, 6, 3, 3);

test.each([
  ['same', 1, [7, 8, 5]],
  ['none', 1, [5, 6, 5]],
  ['corner', 2, [3, 4, 5]],
  ['same', 2, [4, 4, 5]],
] as const)('conv2d with padding %s and stride %i gives %j', (pad, stride, shape) => {
  expect(conv2d(x, three, undefined, { pad, stride }).shape).toEqual(shape);
});

test('a 1×1 filter keeps the size without being told', () => {
  expect(conv2d(x, weight('one', 5, 6, 1, 1)).shape).toEqual([7, 8, 5]);
});

const refused: [string, () => unknown, string][] = [
  [
    'a filter of other channels',
    () => conv2d(x, weight('a', 5, 4, 3, 3)),
    'a must be [5, 6, 3, 3] but got [5, 4, 3, 3]',
  ],
  ['an oblong filter', () => conv2d(x, weight('b', 5, 6, 3, 1)), 'b must be [5, 6, 3, 3] but got [5, 6, 3, 1]'],
  ['a 5×5 filter', () => conv2d(x, weight('c', 5, 6, 5, 5)), 'k = 1 or 3 but got [5, 6, 5, 5] (c)'],
  ['a linear weight', () => conv2d(x, weight('d', 5, 6)), 'k = 1 or 3 but got [5, 6] (d)'],
  ['a bias of another length', () => conv2d(x, three, weight('e', 6)), 'bias e must be [5] but got [6]'],
  [
    'a filter too large',
    () => conv2d(graph.input('tiny', [1, 8, 6]), three, undefined, { pad: 'none' }),
    'tiny [1, 8, 6]',
  ],
  ['rows instead of a picture', () => upsample(graph.input('flat', [7, 6])), 'flat must be a picture [H, W, C]'],
  ['a picture of changing size', () => upsample(graph.input('grows', [extent('h', 9), 8, 6])), 'of fixed size'],
  ['a view with gaps', () => upsample(columns(x, 0, 4)), 'must be contiguous but is a strided view'],
  [
    'groups that do not divide the channels',
    () => groupNorm(x, weight('f', 6), weight('g', 6), { groups: 4, eps: 1e-6 }),
    'groups must divide the 6 channels of x but is 4',
  ],
];

test.each(refused)('%s is refused', (_, call, words) => {
  expect(call).toThrow(GraphError);
  expect(call).toThrow(words);
});
