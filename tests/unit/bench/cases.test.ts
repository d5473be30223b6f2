/** What is timed, and what a peer is given to do. */
import { expect, it } from 'vitest';
import { chosen, loadLists } from '../../../bench/cases.ts';
import { channelsFirst, channelsLast, taskOf } from '../../../bench/peers/task.ts';
import { columns, extent, gelu, linear, rowRange } from '../../../src/engine/index.ts';
import type { OpCase } from '../../support/case.ts';

it('has a size of every op, none twice', async () => {
  const cases = await loadLists();
  const ops = new Set(cases.map((c) => c.op));
  for (const op of ['linear', 'conv2d', 'attention', 'group_norm', 'silu_mul', 'argmax', 'scatter'])
    expect(ops).toContain(op);
  const names = cases.map((c) => `${c.op} ${c.test.name}`);
  expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
});

it('takes the first size of each op, or the ops that are named', async () => {
  const cases = await loadLists();
  const quick = chosen(cases, undefined, true);
  expect(new Set(quick.map((c) => c.op)).size).toBe(quick.length);
  expect(new Set(chosen(cases, ['linear', 'rope'], false).map((c) => c.op))).toEqual(new Set(['linear', 'rope']));
  expect(() => chosen(cases, ['linear', 'linaer'], true)).toThrow(
    /^--ops must name ops of the benchmark \(.*linear.*\) but names "linaer"$/,
  );
});

const test: OpCase = {
  name: 'views',
  extents: { rows: 2 },
  tensors: {
    x: { shape: [extent('rows', 5), 6], fill: (i) => i },
    weight: { shape: [4, 2], role: 'weight', fill: (i) => i },
  },
  build: (t) => ({ y: gelu(linear(columns(t.x, 3, 2), t.weight)) }),
  reference: () => ({}),
};

it('gives a peer the calls as the model wrote them, and views as operands', () => {
  const task = taskOf(test);
  expect(task.calls.map((call) => call.op)).toEqual(['linear', 'gelu']);
  expect(task.calls[1].inputs.x).toBe(task.calls[0].output);
  expect(task.output).toBe(task.calls[1].output);
  expect(task.calls[1].shape).toEqual([2, 4]);
  const x = task.operands.find((o) => o.name === task.calls[0].inputs.x)!;
  expect([x.shape, [...x.data]]).toEqual([
    [2, 2],
    [3, 4, 9, 10],
  ]);
  expect(task.pictures).toBe(false);
});

it('gives no views of results', () => {
  const build: OpCase['build'] = (t) => ({ y: gelu(rowRange(linear(columns(t.x, 0, 2), t.weight), 0, 1)) });
  expect(() => taskOf({ ...test, build })).toThrow('a view of a result');
});

it('turns pictures around and back', () => {
  const data = Float32Array.from({ length: 24 }, (_, i) => i);
  const turned = channelsFirst(data, [2, 3, 4]);
  expect([...turned.subarray(0, 6)]).toEqual([0, 4, 8, 12, 16, 20]);
  expect(channelsLast(turned, [2, 3, 4])).toEqual(data);
});
