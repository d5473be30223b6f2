/** Which kernels a GPU gets for a product, without one: tiles by rows, and K split whatever the rows are. */
import { describe, expect, test } from 'vitest';
import { type Choices, Graph, type PlanOptions, compile, extent, linear } from '../../src/engine/index.ts';

function plan(rows: number, columns: number, depth: number, options: PlanOptions = {}) {
  const graph = new Graph('linear');
  const height = rows === 1 ? 1 : extent('rows', rows);
  graph.output('y', linear(graph.input('x', [height, depth]), graph.weight('weight', [columns, depth])));
  const { dispatches, choices } = compile(graph, options);
  return { kernels: dispatches.map((d) => d.label), params: dispatches[0].params, choices };
}

const chosen = (...args: Parameters<typeof plan>) => plan(...args).choices.map((choice) => choice.chosen);

describe('linear on a GPU', () => {
  test('takes the tile that the rows fill', () => {
    expect(plan(1, 64, 64).kernels).toEqual(['linear_matvec']);
    expect(chosen(20, 64, 64)).toEqual(['tile_32']);
    expect(chosen(40, 64, 64)).toEqual(['tile_64']);
    expect(chosen(2048, 2048, 64)).toEqual(['tile_64']);
    expect(chosen(2048, 2048, 64, { vendor: 'nvidia' })).toEqual(['tile_128']);
  });

  test('reads straight from storage on software adapters, and where K is no multiple of 4', () => {
    for (const options of [{ architecture: 'software' }, { architecture: 'swiftshader' }, { subgroupSize: 8 }])
      expect(plan(40, 65, 68, options)).toMatchObject({ kernels: ['linear'], choices: [] });
    expect(plan(40, 65, 66)).toMatchObject({ kernels: ['linear'], choices: [] });
  });

  test('splits K of narrow products into the same chunks for all rows', () => {
    const [few, some, many] = [8, 100, 1000].map((rows) => plan(rows, 1536, 1536));
    expect(few.kernels).toEqual(['linear_tile', 'linear_sum']);
    expect([some.kernels, many.kernels]).toEqual([['linear_tile'], ['linear_tile']]);
    expect([few, some, many].map(({ params }) => params.chunk)).toEqual([384, 384, 384]);
    expect(plan(8, 1536, 8960).params.chunk).toBe(1120);
  });

  test('asks for that with facts that leave the rows out, and not of wide or short products by default', () => {
    const [{ key, variants }] = plan(8, 1536, 1536).choices;
    expect(key).toBe('linear columns=1536 depth=1536 weight=f32: split_4 split_8 whole');
    expect(plan(1000, 1536, 1536).choices[0].key).toBe(key);
    expect(variants[0]).toBe('split_4');
    const choices: Choices = new Map([[key, 'whole']]);
    expect(plan(8, 1536, 1536, { choices })).toMatchObject({ kernels: ['linear_tile'], params: { depth: 1536 } });
    expect(plan(8, 1536, 1536, { choices }).params).not.toHaveProperty('chunk');
    expect(plan(8, 8960, 1536).params).not.toHaveProperty('chunk');
    expect(chosen(8, 1536, 512)).toEqual(['tile_32']);
  });

  test('keeps chunks together where their sums would not fit a binding', () => {
    const limits = { maxStorageBufferBindingSize: 4 * 4 * 32 * 1539 - 1, maxBufferSize: 2 ** 28 };
    expect(plan(32, 1536, 1536, limits).kernels).not.toContain('linear_sum');
  });
});
