/** A peer may crash, hang or refuse, and the benchmark goes on. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { PeerProcess } from '../../../bench/peer.ts';
import type { PeerName } from '../../../bench/peers/peer.ts';

const FAKE = `
process.on('message', ({ do: what, peer, name }) => {
  if (what === 'open') process.send(peer === 'onnxruntime-web' ? { error: 'no adapter' } : { version: '1.2.3' });
  else if (name === 'crash') { console.error('some words'); console.error('RuntimeError: out of luck'); process.abort(); }
  else if (name === 'hang') setTimeout(() => {}, 1e6);
  else if (name === 'refuse') process.send({ error: 'no such op\\nat a place nobody asks for' });
  else process.send({ ms: 5, sample: [process.pid] });
});
process.on('disconnect', () => process.exit());
`;

let folder: string;
let peer: PeerProcess | undefined;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'overtone-peer-'));
  writeFileSync(join(folder, 'fake.mjs'), FAKE);
});
afterEach(() => peer?.end());
afterAll(() => rmSync(folder, { recursive: true }));

const start = (name: PeerName = 'tfjs') => (peer = new PeerProcess(name, 'wall', join(folder, 'fake.mjs')));
const prepare = (name: string) => ({ do: 'prepare', op: 'linear', name }) as const;

it('answers, and says its version', async () => {
  const fake = start();
  expect((await fake.ask(prepare('fine'), 20_000)).ms).toBe(5);
  expect(fake.version).toBe('1.2.3');
});

it('tells of a crash in one line, and starts anew', async () => {
  const fake = start();
  const [before] = (await fake.ask(prepare('fine'), 20_000)).sample!;
  expect((await fake.ask(prepare('crash'), 20_000)).error).toBe(
    'its process ended with SIGABRT: RuntimeError: out of luck',
  );
  const [after] = (await fake.ask({ do: 'run' }, 20_000)).sample!;
  expect(after).not.toBe(before);
});

it('waits no longer than it is told', async () => {
  const fake = start();
  await fake.ask(prepare('fine'), 20_000);
  expect(await fake.ask(prepare('hang'), 200)).toEqual({ error: 'took over 0.2 s' });
  expect((await fake.ask(prepare('fine'), 20_000)).ms).toBe(5);
});

it('passes a refusal on, first line only', async () => {
  expect(await start().ask(prepare('refuse'), 20_000)).toEqual({ error: 'no such op' });
});

it('says each time why it cannot be opened', async () => {
  const fake = start('onnxruntime-web');
  for (const name of ['fine', 'refuse']) expect(await fake.ask(prepare(name), 20_000)).toEqual({ error: 'no adapter' });
});
