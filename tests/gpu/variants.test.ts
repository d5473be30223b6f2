/** Forms of one op give the same bits: which one is taken may follow the device and the sizes, the result may not. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDevice } from '../../node/device.ts';
import {
  type Choices,
  type Device,
  Graph,
  type Plan,
  WeightStore,
  attention,
  compile,
  createSession,
  extent,
  gelu,
  linear,
} from '../../src/engine/index.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

/** linear of M rows with the plan told of subgroups, or not. */
async function run(
  M: number,
  subgroupSize: number | undefined,
  choices?: Choices,
): Promise<{ label: string; plan: Plan; y: Float32Array }> {
  const [N, K] = [68, 192];
  const graph = new Graph('linear');
  const x = graph.input('x', [M, K]);
  graph.output('y', gelu(linear(x, graph.weight('weight', [N, K]), graph.weight('bias', [N]))));
  const plan = compile(graph, { ...device.planLimits, subgroupSize, choices });
  const values = (count: number, first: number) =>
    Float32Array.from({ length: count }, (_, i) => Math.sin(first + i * 1.7));
  const weights = new WeightStore(device);
  const read = (name: string, start: number, count: number) => {
    const width = name === 'bias' ? 1 : K;
    return Promise.resolve(new Uint8Array(values(count * width, start * width * 1.7).buffer));
  };
  await weights.load(plan.weights, { dtype: () => 'f32', read, readF32: () => Promise.resolve(new Float32Array()) });
  const session = await createSession(device, plan, { weights });
  const stream = device.stream('linear');
  stream.write(session.buffer('x'), values(M * K, 3));
  await session.encode(stream);
  await stream.finish();
  const y = await session.read('y');
  session.destroy();
  weights.destroy();
  return { label: plan.dispatches[0].label, plan, y };
}

test('linear with subgroups and without', async (context) => {
  const lanes = device.subgroupSize ?? 0;
  if (![4, 8].includes(lanes)) context.skip('needs subgroups of four or eight');
  for (const M of [5, 32, 45, 300]) {
    const [plain, subgroup] = [await run(M, undefined), await run(M, lanes)];
    expect([plain.label, subgroup.label]).toEqual(['linear', 'linear_subgroup']);
    expect(Buffer.from(subgroup.y.buffer).equals(Buffer.from(plain.y.buffer)), `${M} rows`).toBe(true);
  }
});

test('every variant of linear', async () => {
  for (const M of [5, 20, 45, 300]) {
    const usual = await run(M, device.subgroupSize);
    for (const { key, variants } of usual.plan.choices)
      for (const variant of variants.slice(1)) {
        const other = await run(M, device.subgroupSize, new Map([[key, variant]]));
        expect(other.plan.choices.find((c) => c.key === key)!.chosen).toBe(variant);
        expect(Buffer.from(other.y.buffer).equals(Buffer.from(usual.y.buffer)), `${variant} for ${key}`).toBe(true);
      }
  }
});

test('rows of linear do not depend on how many there are', async () => {
  const few = await run(33, device.subgroupSize);
  const many = await run(300, device.subgroupSize);
  expect(few.y).toEqual(many.y.subarray(0, few.y.length));
});

test('keys and values are there for a second reader where the first one has no rows', async () => {
  const graph = new Graph('two');
  const [q1, q2] = ['t', 'u'].map((name) => graph.input(`q_${name}`, [1, extent(name, 40), 64]));
  const [k, v] = ['k', 'v'].map((name) => graph.input(name, [1, 40, 64]));
  const past = graph.input('past', [1], 'u32');
  for (const [name, q] of Object.entries({ a: q1, b: q2 }))
    graph.output(name, attention(q, k, v, { heads: 2, kvHeads: 2, past }));
  const session = await createSession(device, compile(graph, device.planLimits));
  const run = async (t: number, u: number) => {
    const stream = device.stream('two');
    const values = (count: number, first: number) =>
      Float32Array.from({ length: count }, (_, i) => Math.sin(first + i));
    stream.write(session.buffer('q_t'), values(t * 64, 1));
    stream.write(session.buffer('q_u'), values(u * 64, 1));
    stream.write(session.buffer('k'), values(40 * 64, 2 + t));
    stream.write(session.buffer('v'), values(40 * 64, 3 + t));
    stream.write(session.buffer('past'), Uint32Array.of(0));
    await session.encode(stream, { t, u });
    await stream.finish();
    return session.read('b');
  };
  const alone = await run(0, 20);
  expect(alone.some((value) => value !== 0)).toBe(true);
  await run(7, 20);
  expect(await run(0, 20)).toEqual(alone);
  session.destroy();
});
