/** The tuner on a device: what it measures, what it leaves out, and that it gives everything back. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openDevice } from '../../node/device.ts';
import {
  AbortError,
  ArgumentError,
  type Device,
  Graph,
  type PlanOptions,
  type Tensor,
  type TunedPass,
  append,
  attention,
  compile,
  extent,
  linear,
  tune,
} from '../../src/engine/index.ts';
import { type Op, call } from '../../src/engine/op.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

/** y = x + 1 in variants: one that is right, one that does the work of a thousand, one that no compiler takes, one that no device binds. */
const plusOne: Op = {
  name: 'plus_one',
  flops: () => 1,
  lower({ inputs, output }, context) {
    const variant = context.pick({ size: output.shape[0] }, ['slow', 'broken', 'fast', 'misnamed']);
    const times = variant === 'slow' ? 100_000 : 1;
    const shader = `
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  var sum = x[id.x];
  for (var i = 0; i < ${times}; i++) { sum = sum * 0.5 + f32(i % 3); }
  y[id.x] = ${variant === 'broken' ? 'nonsense' : 'sum'};
}`;
    const bind = { ...(variant === 'misnamed' ? { z: { tensor: inputs.x } } : { x: { tensor: inputs.x } }) };
    return [{ label: 'plus_one', shader, bind: { ...bind, y: { tensor: output } }, params: {}, groups: 4 }];
  },
};

function passOf(build: (graph: Graph) => Tensor, more: Partial<TunedPass> = {}): TunedPass {
  const graph = new Graph('pass');
  graph.output('y', build(graph));
  const options: PlanOptions = device.planLimits;
  return { plan: compile(graph, options), options, ...more };
}

const plusOnePass = () => passOf((g) => call(plusOne, { x: g.input('x', [256]) }, {}, { shape: [256] }));

describe('the tuner', () => {
  test('drops variants that fail, keeps the fastest of the others, and gives back what it made', async () => {
    const before = { ...device.bytes };
    const { tuned, left } = await tune(device, [plusOnePass()], { tasks: 1e6 });
    expect(left).toEqual([]);
    expect(tuned).toHaveLength(1);
    const [{ key, variants, chosen, calls }] = tuned;
    expect(key).toBe('plus_one size=256: broken fast misnamed slow');
    expect({ chosen, calls }).toEqual({ chosen: 'fast', calls: 1 });
    const of = (name: string) => variants.find((v) => v.name === name)!;
    expect(of('broken').error).toContain('[plus_one]');
    expect(of('misnamed').error).toContain('plus_one');
    expect(of('slow').ms).toBeGreaterThan(of('fast').ms!);
    expect(device.bytes).toEqual(before);
  });

  test('measures each size of a choice once, and what is known not at all', async () => {
    const pass = passOf(
      (g) => {
        const rows = extent('rows', 40);
        let x: Tensor = g.input('x', [rows, 192]);
        for (const name of ['a', 'b', 'c']) x = linear(x, g.weight(name, [192, 192]));
        return x;
      },
      { extents: { rows: 20 }, runs: 7 },
    );
    const { tuned } = await tune(device, [pass, pass]);
    for (const { calls, variants } of tuned) {
      expect(calls).toBe(42);
      for (const { name, ms, error } of variants) expect(ms, `${name}: ${error}`).toBeGreaterThan(0);
    }
    expect(tuned.map(({ key }) => key)).toEqual([...new Set(pass.plan.choices.map(({ key }) => key))]);
    const known = new Map(tuned.map(({ key, chosen }) => [key, chosen]));
    expect(await tune(device, [pass], { known })).toEqual({ tuned: [], left: [] });
  });

  test('takes a cache as full', async () => {
    const pass = passOf((g) => {
      const [q, cache] = [g.input('q', [1, 1, 64]), g.state('k', [1, 40, 64])];
      const past = g.input('past', [1], 'u32');
      const k = append(cache, g.input('row', [1, 1, 64]), past);
      return attention(q, k, k, { heads: 2, kvHeads: 2, past });
    });
    const node = pass.plan.dispatches.length && pass.plan.outputs.get('y')!.source!;
    expect(node && node.op.timedValue?.(node, 'past', {})).toBe(39);
  });

  test('stops when its budget is over, and leaves the rest as it was', async () => {
    const pass = plusOnePass();
    expect(await tune(device, [pass], { budget: 0 })).toEqual({ tuned: [], left: [pass.plan.choices[0].key] });
    await expect(tune(device, [pass], { budget: Number.NaN })).rejects.toThrow(ArgumentError);
  });

  test('stops when it is cancelled, and holds nothing', async () => {
    const before = { ...device.bytes };
    const abort = new AbortController();
    const asked = tune(
      device,
      [plusOnePass(), passOf((g) => linear(g.input('x', [40, 192]), g.weight('w', [64, 192])))],
      {
        signal: abort.signal,
        onProgress: () => abort.abort(),
      },
    );
    await expect(asked).rejects.toThrow(AbortError);
    expect(device.bytes).toEqual(before);
  });
});
