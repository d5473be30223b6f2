/** Forms of one op give the same bits: which one is taken may follow the device and the sizes, the result may not. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDevice } from '../../node/device.ts';
import { type Device, Graph, WeightStore, compile, createSession, gelu, linear } from '../../src/engine/index.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

/** linear of M rows with the plan told of subgroups, or not. */
async function run(M: number, subgroupSize: number | undefined): Promise<{ label: string; y: Float32Array }> {
  const [N, K] = [68, 192];
  const graph = new Graph('linear');
  const x = graph.input('x', [M, K]);
  graph.output('y', gelu(linear(x, graph.weight('weight', [N, K]), graph.weight('bias', [N]))));
  const plan = compile(graph, { ...device.planLimits, subgroupSize });
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
  return { label: plan.dispatches[0].label, y };
}

test('linear with subgroups and without', async (context) => {
  if (device.subgroupSize !== 8) context.skip('needs subgroups of eight');
  for (const M of [32, 45, 300]) {
    const [plain, subgroup] = [await run(M, undefined), await run(M, 8)];
    expect([plain.label, subgroup.label]).toEqual(['linear', 'linear_subgroup']);
    expect(Buffer.from(subgroup.y.buffer).equals(Buffer.from(plain.y.buffer)), `${M} rows`).toBe(true);
  }
});

test('rows of linear do not depend on how many there are', async () => {
  const few = await run(33, device.subgroupSize);
  const many = await run(300, device.subgroupSize);
  expect(few.y).toEqual(many.y.subarray(0, few.y.length));
});
