/** A platform that looks for finished work when it is called, as the GPU process of a browser does: reading calls it until the result is there. */
import { expect, test } from 'vitest';
import { openDevice, wait } from '../../node/device.ts';
import { Device } from '../../src/engine/index.ts';

/** Scopes that a read closes on its own. */
const OWN = 3;

test.each([
  ['one call', 1],
  ['three calls', 3],
])('a result that is there after %s', async (_, calls) => {
  const real = await openDevice();
  const { gpu } = real;
  // a mapping ends at its `calls`-th call after those of the read itself
  let waiting: { left: number; end: () => void } | undefined;
  const [pop, create] = [gpu.popErrorScope.bind(gpu), gpu.createBuffer.bind(gpu)];
  gpu.popErrorScope = async () => {
    const error = await pop();
    if (waiting && --waiting.left === 0) waiting.end();
    return error;
  };
  gpu.createBuffer = (descriptor) => {
    const buffer = create(descriptor);
    const map = buffer.mapAsync.bind(buffer);
    buffer.mapAsync = async (...range) => {
      const called = new Promise<void>((end) => (waiting = { left: OWN + calls, end }));
      await map(...range);
      await called;
    };
    return buffer;
  };
  const host = { device: gpu, description: '', wait, now: () => performance.now(), looksWhenCalled: true };
  const device = await Device.open({ ...host, resultBytes: 1 << 10 });
  try {
    const buffer = await device.scope('data', () => device.createBuffer('data', 16, 8 | 4, 'transfer'));
    const stream = device.stream('data');
    stream.write(buffer, Uint32Array.of(1, 2, 3, 4));
    await stream.finish();
    expect(Array.from(new Uint32Array((await device.read(buffer, 0, 16)).buffer))).toEqual([1, 2, 3, 4]);
    device.check();
  } finally {
    device.destroy();
    real.destroy();
  }
});
