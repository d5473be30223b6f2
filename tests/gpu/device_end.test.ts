/** A destroyed device goes: its driver threads end once it is collected, however many were opened before. */
import { readdirSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { openDevice } from '../../node/device.ts';
import { Graph, compile, createSession, silu } from '../../src/engine/index.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

async function openAndEnd(): Promise<void> {
  const device = await openDevice();
  const graph = new Graph('g');
  graph.output('y', silu(graph.input('x', [4, 8])));
  const session = await createSession(device, compile(graph));
  const stream = device.stream('run');
  stream.write(session.buffer('x'), new Float32Array(32));
  await session.encode(stream);
  await stream.finish();
  session.destroy();
  device.destroy();
}

test('threads do not grow with devices', async (context) => {
  if (process.platform !== 'linux') context.skip('needs /proc');
  const threads: number[] = [];
  for (let i = 0; i < 9; i++) {
    await openAndEnd();
    collect();
    await new Promise((resolve) => setTimeout(resolve, 50));
    threads.push(readdirSync('/proc/self/task').length);
  }
  expect(Math.max(...threads.slice(4)), threads.join(' ')).toBeLessThanOrEqual(threads[3] + 2);
});
