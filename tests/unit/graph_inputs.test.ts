/** What plain JavaScript may hand to the engine while a graph is built, and the sentence it gets for it. */
import { describe, expect, it } from 'vitest';
import {
  type Dtype,
  Graph,
  GraphError,
  type Tensor,
  add,
  append,
  argmax,
  attention,
  columns,
  conv2d,
  diffusionUpdate,
  extent,
  gatedAdd,
  gather,
  gelu,
  groupNorm,
  layerNorm,
  linear,
  mulDims,
  outerAdd,
  reshape,
  rmsNorm,
  rope,
  rowRange,
  scale,
  scatter,
  silu,
  siluMul,
  upsample,
} from '../../src/engine/index.ts';

function refused(build: () => unknown, sentence: string): void {
  expect(build).toThrow(GraphError);
  expect(build).toThrow(sentence);
}

describe('a declared tensor', () => {
  const dims: unknown[] = [-1, NaN, 1.5, '4', Infinity, null, 2 ** 53];
  it.each(dims)('must have no dimension %j', (dim) => {
    const graph = new Graph('g');
    const shape = [4, dim as number];
    const sentence = `[graph g] x must have whole dimensions from 0 up but dimension 1 is ${typeof dim} ${String(dim)}`;
    refused(() => graph.input('x', shape), sentence);
    refused(() => graph.state('x', shape), sentence);
    refused(() => graph.weight('x', shape), sentence);
  });

  it('must have a known type, and the same one everywhere', () => {
    const graph = new Graph('g');
    refused(
      () => graph.input('x', [4], 'f64' as Dtype),
      '[graph g] x must be one of f32, f16, bf16, u32, i32 but is f64',
    );
    graph.input('x', [4]);
    refused(
      () => graph.input('x', [4], 'u32'),
      'must be declared alike everywhere but is input f32 [4] and input u32 [4]',
    );
  });

  it('may have extents and no elements', () => {
    const graph = new Graph('g');
    expect(graph.input('x', [extent('n', 3), 0]).shape[1]).toBe(0);
  });
});

describe('an output', () => {
  it('must belong to the graph', () => {
    const other = silu(new Graph('other').input('x', [4]));
    refused(() => new Graph('g').output('y', other), '[graph g] output y must be of this graph but belongs to other');
  });
});

describe('a view', () => {
  const x = new Graph('g').input('x', [4, 8]);
  const n = extent('n', 5);

  it.each([
    [2, 40],
    [-2, 1],
    [NaN, 1],
    [0, NaN],
    [0.5, 1],
    [0, 5],
    [4, 1],
    [0, n],
    [n, 1],
    [n, n],
    ['1' as unknown as number, 1],
  ])('must lie in the rows: %s, %s', (start, count) => {
    refused(
      () => rowRange(x, start, count),
      `[row_range] x must hold ${String(count)} rows from ${String(start)} on but has 4`,
    );
  });

  it.each([
    [6, 4],
    [-1, 2],
    [0.5, 2],
    [NaN, 2],
    [0, NaN],
    [0, 0],
    ['1' as unknown as number, 1],
  ])('must lie in the columns: %s, %s', (start, count) => {
    refused(() => columns(x, start, count), `[columns] x must hold ${count} columns from ${start} on`);
  });

  it('may end where the tensor does, at the extents it has at most', () => {
    const picture = extent('picture', 3);
    const many = new Graph('g').input('x', [mulDims(4, 2), 8]);
    expect(String(rowRange(many, mulDims(picture, 2), 2).shape[0])).toBe('2');
    expect(rowRange(many, extent('start', 8), extent('count', 8)).shape[1]).toBe(8);
    expect(rowRange(many, 8, 0).shape[0]).toBe(0);
    expect(columns(many, 7, 1).shape).toEqual([8, 1]);
  });
});

describe('an op of numbers', () => {
  const graph = new Graph('g');
  const f = (name: string, shape: number[], dtype: Dtype = 'f32') =>
    graph.input(`${name}.${dtype}.${shape}`, shape, dtype);
  const w = (...shape: number[]) => graph.weight(`w.${shape}`, shape);
  const [x, u] = [f('x', [4, 8]), f('u', [4, 8], 'u32')];
  const [cube, ids] = [f('c', [1, 4, 8], 'u32'), f('past', [1], 'u32')];
  const seen = graph.state('seen', [8], 'u32');
  const calls: [string, () => Tensor][] = [
    ['[add] a', () => add(u, x)],
    ['[add] b', () => add(x, u)],
    ['[scale] x', () => scale(u, 2)],
    ['[silu] x', () => silu(u)],
    ['[gelu] x', () => gelu(u)],
    ['[silu_mul] gate', () => siluMul(u, x)],
    ['[silu_mul] up', () => siluMul(x, u)],
    ['[gated_add] x', () => gatedAdd(u, x, x)],
    ['[gated_add] gate', () => gatedAdd(x, u, x)],
    ['[gated_add] z', () => gatedAdd(x, x, u)],
    ['[outer_add] a', () => outerAdd(u, x)],
    ['[outer_add] b', () => outerAdd(x, u)],
    ['[linear] x', () => linear(u, w(3, 8))],
    ['[layer_norm] x', () => layerNorm(u, { eps: 1e-6 })],
    ['[layer_norm] shift', () => layerNorm(x, { eps: 1e-6, shift: u, scale: x })],
    ['[rms_norm] x', () => rmsNorm(u, w(8), { eps: 1e-6 })],
    ['[group_norm] x', () => groupNorm(cube, w(8), w(8), { groups: 2, eps: 1e-6 })],
    ['[conv2d] x', () => conv2d(cube, w(3, 8, 1, 1))],
    ['[upsample] x', () => upsample(cube)],
    ['[attention] q', () => attention(cube, cube, cube, { heads: 2, kvHeads: 2 })],
    ['[rope] x', () => rope(cube, { heads: 2, theta: 1e4, past: ids })],
    ['[append] x', () => append(graph.state('cache', [1, 9, 8]), cube, ids)],
    ['[scatter] x', () => scatter(graph.state('rows', [9, 8]), f('i', [4], 'u32'), u)],
    ['[gather] source 1', () => gather(f('i', [4], 'u32'), x, u)],
    ['[argmax] logits', () => argmax(f('logits', [1, 8], 'u32'), seen, { penalty: 1 })],
  ];
  it.each(calls)('%s must be f32', (subject, build) => {
    refused(build, `${subject} must be f32 but got u32`);
  });
});

describe('a number that an op is given', () => {
  const graph = new Graph('g');
  const x = graph.input('x', [1, 4, 8]);
  const past = graph.input('past', [1], 'u32');
  const w = (...shape: number[]) => graph.weight(`w.${shape}`, shape);
  const odd = (value: unknown) => value as number;

  it.each([NaN, Infinity, 1e39, undefined, '2e'])('may not scale by %s', (factor) => {
    refused(() => scale(x, odd(factor)), `[scale] factor must be a finite f32 but is ${factor}`);
  });

  it.each([0, -2, 0.5, NaN, '2'])('may not be %j heads', (heads) => {
    refused(() => rope(x, { heads: odd(heads), theta: 1e4, past }), '[rope] x must hold');
    refused(() => attention(x, x, x, { heads: odd(heads), kvHeads: 1 }), '[attention] q must hold');
    refused(() => attention(x, x, x, { heads: 2, kvHeads: odd(heads) }), '[attention] q must hold');
  });

  it.each([0, -1, NaN, Infinity, 1e39])('may not be the theta %s', (theta) => {
    refused(() => rope(x, { heads: 2, theta, past }), `[rope] theta must be positive and finite but is ${theta}`);
  });

  it.each([0, -2, 1.6, NaN])('may not be %s groups', (groups) => {
    refused(() => groupNorm(x, w(8), w(8), { groups, eps: 1e-6 }), '[group_norm] groups must divide the 8 channels');
  });

  it.each([
    [3, 'same'],
    [NaN, 'same'],
    [1, 'all'],
  ])('may not be the stride %s with the padding %s', (stride, pad) => {
    refused(
      () => conv2d(x, w(3, 8, 1, 1), undefined, { stride: stride as 1, pad: pad as 'same' }),
      `[conv2d] stride must be 1 or 2 and pad 'same', 'corner' or 'none' but they are ${stride} and '${pad}'`,
    );
  });

  it.each([
    [0, 3, 2],
    [2, NaN, 2],
    [1, 0, -1],
  ])('may not be %s branches at step %s of %s rows', (branches, step, rows) => {
    const state = graph.state('s', [4, 16]);
    const [head, noise, coefficients] = [
      graph.input('h', [4, 32]),
      graph.input('n', [9, 2, 16]),
      graph.input('c', [9, 8]),
    ];
    refused(
      () => diffusionUpdate(state, head, noise, coefficients, { branches: branches as 1, step, rows }),
      '[diffusion_update] branches must be 1 or 2, rows and step whole numbers from 0 or extents',
    );
  });
});

describe('what reaches beyond its tensors', () => {
  const graph = new Graph('g');
  const x = graph.input('x', [5, 8]);

  it.each([[[0.5, 80]], [[-4, -10]]])('is no shape: %j', (shape) => {
    refused(() => reshape(x, shape), '[reshape] x must get whole dimensions from 0 up but got');
  });

  it.each([NaN, -1, Infinity, undefined])('is no eps: %s', (eps) => {
    const w = graph.weight('w', [8]);
    refused(() => rmsNorm(x, w, { eps: eps as number }), '[rms_norm] eps must be a finite number from 0 up but is');
    refused(() => layerNorm(x, { eps: eps as number }), '[layer_norm] eps must be a finite number from 0 up but is');
  });

  it('is no index of fewer rows', () => {
    const target = graph.state('target', [9, 8]);
    const index = graph.input('index', [2], 'u32');
    refused(() => scatter(target, index, x), '[scatter] index must hold one row for each of x, 5, but is [2]');
  });

  it('is no state read where it is written', () => {
    const target = graph.state('target', [9, 8]);
    const index = graph.input('two', [2], 'u32');
    const sentence = '[scatter] x must not lie in target, which is written, but target[0:+2] does: copy it first';
    refused(() => scatter(target, index, rowRange(target, 0, 2)), sentence);
  });
});
