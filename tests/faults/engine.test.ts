/** Every GPU call of one small graph fails in turn: the engine alone, without a model. */
import { afterAll, expect, test } from 'vitest';
import { Device, Graph, WeightStore, compile, createSession, linear, silu } from '../../src/engine/index.ts';
import { type Scenario, everyFault, held, reportText } from '../support/every_fault.ts';
import { closeRealDevice, faultyDevice } from '../support/faulty_device.ts';

afterAll(closeRealDevice);

/** Sizes at which the layers read x as an image, where the device has subgroups of eight. */
const [ROWS, K] = [40, 64];

const values = (n: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(i));

const scenario: Scenario<Float32Array> = {
  async run(host, devices) {
    const device = await Device.open(host);
    devices.push(device);
    const weights = new WeightStore(device);
    try {
      const graph = new Graph('two layers');
      const x = graph.input('x', [ROWS, K]);
      const h = silu(linear(x, graph.weight('a', [K, K])));
      graph.output('y', linear(h, graph.weight('b', [8, K])));
      const plan = compile(graph, device.planLimits);
      await weights.load(plan.weights, {
        dtype: () => 'f32',
        read: (_, start, count) =>
          Promise.resolve(new Uint8Array(values(K * K).slice(start * K, (start + count) * K).buffer)),
        readF32: () => Promise.resolve(values(K * K)),
      });
      const session = await createSession(device, plan, { weights });
      const stream = device.stream('run');
      try {
        stream.write(session.buffer('x'), values(ROWS * K));
        await session.encode(stream);
        await stream.finish();
      } catch (error) {
        await stream.abandon();
        throw error;
      }
      return await session.read('y');
    } finally {
      weights.destroy();
      device.destroy();
    }
  },
  difference: (a, b) => (a.join() === b.join() ? undefined : 'y'),
};

test('each failure is one typed error, and nothing is held', async () => {
  const report = await everyFault(scenario, 8);
  console.log(reportText('two layers', report));
  expect(report.problems).toEqual([]);
  expect(report.total).toBeGreaterThan(60);
}, 120_000);

test('a wait ends with the device, whatever its promise does', async () => {
  const host = await faultyDevice();
  const device = await Device.open(host);
  const open = device.wait('a promise that never settles', new Promise(() => undefined));
  device.destroy();
  await expect(open).rejects.toThrow('[a promise that never settles] the GPU device must stay alive but was destroyed');
  const late = device.wait('a promise that fails later', Promise.reject(new Error('too late')));
  await expect(late).rejects.toThrow('[a promise that fails later] the GPU device must stay alive');
  expect(await held(host, [device])).toBeUndefined();
});
