/** Variants: what an op asks of the compiler, and what a plan keeps of it. */
import { describe, expect, test } from 'vitest';
import { type Choices, Graph, compile, extent, linear, planText } from '../../src/engine/index.ts';
import { choiceKey } from '../../src/engine/choice.ts';

const TILES = ['rows_16', 'rows_16_blocks_2', 'rows_32', 'rows_32_blocks_2', 'rows_8'];
const ROWS = `linear rows≤64 columns=64 depth=192 weight=f32: ${TILES.join(' ')}`;

function plan(choices?: Choices) {
  const graph = new Graph('linear');
  const x = graph.input('x', [extent('rows', 40), 192]);
  graph.output('y', linear(x, graph.weight('w', [64, 192])));
  return compile(graph, { subgroupSize: 8, choices });
}

describe('choices between variants', () => {
  test('a key holds op, facts and variants; dimensions count by their maximum, rows by powers of two, the order of variants not', () => {
    const facts = { keys: extent('t', 60), columns: 8, weight: 'bf16', causal: true };
    expect(choiceKey('op', facts, ['b', 'a'])).toBe('op keys≤60 columns=8 weight=bf16 causal=true: a b');
    expect(choiceKey('op', facts, ['b', 'a'])).toBe(choiceKey('op', facts, ['a', 'b']));
    const rows = [1, 2, 3, 64, 65].map((n) => choiceKey('op', { rows: n, keys: n }, ['a', 'b']).slice(0, -5));
    expect(rows).toEqual([1, 2, 4, 64, 128].map((n, i) => `op rows≤${n} keys=${[1, 2, 3, 64, 65][i]}`));
    expect(choiceKey('op', facts, ['a'])).not.toBe(choiceKey('op', facts, ['a', 'b']));
  });

  test('without answers the first variant is taken, and the plan keeps the question but does not print it', () => {
    const { choices, ...rest } = plan();
    expect(choices).toMatchObject([{ key: ROWS, variants: TILES, chosen: 'rows_16' }]);
    expect(choices[0].node.op.name).toBe('linear');
    expect(planText({ choices, ...rest })).not.toContain('chosen');
  });

  test('an answer is taken and printed', () => {
    const tuned = plan(new Map([[ROWS, 'rows_8']]));
    expect(tuned.choices[0].chosen).toBe('rows_8');
    expect(planText(tuned)).toContain(`     chosen rows_8 for ${ROWS}\n`);
    expect(String(tuned.dispatches[0].groups)).toContain('/8⌉');
  });

  test('an answer that is no variant counts for nothing', () => {
    const wrong = plan(new Map([[ROWS, 'rows_7']]));
    expect(planText(wrong)).toBe(planText(plan()));
  });
});
