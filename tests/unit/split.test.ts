/** What a plan does with tensors that a binding, or a buffer, cannot hold. That the result stays the same is tested on the adapters. */
import { describe, expect, test } from 'vitest';
import {
  Graph,
  type Plan,
  type PlanOptions,
  type Tensor,
  attention,
  compile,
  conv2d,
  extent,
  linear,
  planText,
  reshape,
  rmsNorm,
  rowRange,
} from '../../src/engine/index.ts';

const KIB = 1024;

/** The plan of a graph of one input. */
function plan(
  shape: Parameters<Graph['input']>[1],
  build: (x: Tensor, g: Graph) => Tensor,
  options: PlanOptions,
): Plan {
  const graph = new Graph('test');
  graph.output('y', build(graph.input('x', shape), graph));
  return compile(graph, options);
}

/** Dispatches as `what is bound | fields | workgroups`. */
const lines = (p: Plan): string[] =>
  planText(p)
    .split('\n')
    .filter((line) => /^ +\d+ /.test(line));

describe('rows in stretches', () => {
  const normed = (x: Tensor, g: Graph) => rmsNorm(x, g.weight('w', [64]), { eps: 1e-6 });

  test('a tensor that fits stays whole', () => {
    expect(lines(plan([256, 64], normed, { maxStorageBufferBindingSize: 64 * KIB }))).toHaveLength(1);
  });

  test('one that does not is seen through windows', () => {
    const split = lines(plan([257, 64], normed, { maxStorageBufferBindingSize: 33 * KIB }));
    expect(split.map((line) => /x←\S+ .* y→\S+ \| rows=\d+/.exec(line)?.[0])).toEqual([
      'x←x weight←w:f32 y→y | rows=130',
      'x←x+8320 weight←w:f32 y→y+8320 | rows=127',
    ]);
  });

  test('of a length that each run decides', () => {
    const split = lines(plan([extent('n', 257), 64], normed, { maxStorageBufferBindingSize: 33 * KIB }));
    expect(split[1]).toContain('rows=(n)[130:+130]');
    expect(split[1]).toContain('×⌈(n)[130:+130]/8⌉');
  });

  test('windows begin at multiples of 256 bytes, views keep the rest as their offset', () => {
    const view = (x: Tensor, g: Graph) => rmsNorm(rowRange(x, 3, 300), g.weight('w', [36]), { eps: 1e-6 });
    const split = lines(plan([400, 36], view, { maxStorageBufferBindingSize: 24 * KIB }));
    const starts = split.map((line) => Number(/x←x(?:\+(\d+))?/.exec(line)?.[1] ?? 0));
    const offsets = split.map((line) => Number(/x_offset=(\d+)/.exec(line)?.[1]));
    expect(split.length).toBeGreaterThan(1);
    expect(starts.map((start) => start % 64)).toEqual(split.map(() => 0));
    expect(starts.map((start, i) => (start + offsets[i]) / 36)).toEqual([3, 163]);
  });

  test('batches of a length that each run decides move their windows with it', () => {
    const tokens = extent('t', 100);
    const attend = (x: Tensor) => attention(x, x, x, { heads: 1, kvHeads: 1 });
    const split = lines(plan([4, tokens, 64], attend, { maxStorageBufferBindingSize: 55 * KIB }));
    expect(split).toHaveLength(2);
    expect(split[1]).toContain('q←x+128·t');
  });
});

describe('pictures', () => {
  test('each stretch of a convolution sees one row more above and below', () => {
    const conv = (x: Tensor, g: Graph) => conv2d(x, g.weight('w', [32, 32, 3, 3]));
    const split = lines(plan([64, 64, 32], conv, { maxStorageBufferBindingSize: 256 * KIB }));
    expect(split.map((line) => /x←(\S+)/.exec(line)?.[1])).toEqual(['x', 'x+57344', 'x+116736']);
    expect(split.map((line) => /top=(\S+)/.exec(line)?.[1])).toEqual(['-1', '0', '0']);
    expect(split.map((line) => /x_height=(\S+)/.exec(line)?.[1])).toEqual(['30', '31', '7']);
  });
});

describe('weights of linear', () => {
  test('one copy serves passes of few rows and of more rows than an image has', () => {
    const weightsFor = (rows: number) =>
      plan([rows, 64], (x, g) => linear(x, g.weight('w', [64, 64])), { subgroupSize: 8 }).weights.map((w) => w.key);
    expect(weightsFor(20_000)).toEqual(weightsFor(32));
  });
});

describe('images', () => {
  test('a few rows of a tensor in an image do not pass for all of it', () => {
    const both = (x: Tensor, g: Graph) => {
      const w = g.weight('w', [64, 64]);
      g.output('few', linear(rowRange(x, 0, 8), w));
      return linear(x, w);
    };
    expect(planText(plan([40, 64], both, { subgroupSize: 8 })).match(/copy x → image 0/g)).toHaveLength(2);
  });
});

describe('what cannot be split is refused', () => {
  const refused = (build: () => Plan) => {
    try {
      build();
    } catch (error) {
      return (error as Error).message;
    }
    return 'planned';
  };

  test('a tensor that no buffer holds', () => {
    const options = { maxStorageBufferBindingSize: 16 * KIB, maxBufferSize: 32 * KIB };
    expect(refused(() => plan([130, 64], (x, g) => rmsNorm(x, g.weight('w', [64]), { eps: 1e-6 }), options))).toBe(
      '[plan] x [130, 64] takes 33280 bytes; a buffer of this device holds 32768: choose a smaller picture or batch',
    );
  });

  test('keys of one sequence that no binding holds', () => {
    const attend = (x: Tensor) => attention(x, x, x, { heads: 1, kvHeads: 1 });
    expect(refused(() => plan([1, 100, 64], attend, { maxStorageBufferBindingSize: 16 * KIB }))).toBe(
      '[plan] attention must be given 25600 bytes of x [1, 100, 64] at once; a binding of this device holds 16384: choose a smaller picture or batch',
    );
  });

  test('batches whose rows do not begin where a window may', () => {
    const tokens = extent('t', 100);
    const attend = (x: Tensor) => attention(x, x, x, { heads: 1, kvHeads: 1 });
    const message = refused(() => plan([4, tokens, 36], attend, { maxStorageBufferBindingSize: 40 * KIB }));
    expect(message).toContain('attention must be given 57600 bytes of x [4, t, 36] at once');
  });

  test('a weight of which no four rows fit', () => {
    const wide = (x: Tensor, g: Graph) => linear(x, g.weight('w', [8, 4096]));
    expect(refused(() => plan([1, 4096], wide, { maxStorageBufferBindingSize: 48 * KIB }))).toContain(
      'w [8, 4096] takes 131072 bytes in f32; a binding holds 49152',
    );
  });

  test('a shape changed after the cut', () => {
    const odd = (x: Tensor, g: Graph) => rmsNorm(reshape(x, [5, 4097]), g.weight('w', [4097]), { eps: 1e-6 });
    expect(refused(() => plan([4097, 5], odd, { maxStorageBufferBindingSize: 48 * KIB }))).toContain(
      'rms_norm must be given',
    );
  });
});
