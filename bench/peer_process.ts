/** The process of one peer: Dawn as `navigator.gpu`, then one request at a time from the benchmark. A crash ends it and nothing else. */
import { create, globals } from 'webgpu';
import { wait } from '../node/device.ts';
import { caseOf, loadLists } from './cases.ts';
import { type Clock, startWatch } from '../node/clock.ts';
import { open } from './peers/node.ts';
import type { Peer, PeerReply, PreparedCall } from './peers/peer.ts';
import { taskOf } from './peers/task.ts';
import type { ProcessRequest } from './peer.ts';
import { sampled } from './sample.ts';

Object.assign(globalThis, globals);
const gpu = create([]);
Object.defineProperty(globalThis, 'navigator', {
  value: { gpu, userAgent: `Node ${process.version}`, platform: process.platform },
  configurable: true,
});

let clock: Clock = 'wall';
let peer: Peer | undefined;
let call: PreparedCall | undefined;

async function answer(request: ProcessRequest): Promise<PeerReply> {
  if (request.do === 'open') {
    ({ clock } = request);
    peer = await open[request.peer]();
    return { version: peer.version };
  }
  if (request.do === 'prepare') {
    call?.destroy();
    call = undefined;
    const task = taskOf(caseOf(await loadLists(), request.op, request.name));
    call = await peer!.prepare(task);
    return { ...(await timed(call)) };
  }
  if (request.do === 'run') return timed(call!);
  call?.destroy();
  call = undefined;
  return {};
}

async function timed(prepared: PreparedCall): Promise<PeerReply> {
  const watch = startWatch(clock);
  const values = await wait(prepared.run());
  const ms = watch();
  return { ms, sample: sampled(values) };
}

process.on('message', (request: ProcessRequest) => {
  void answer(request)
    .catch((error: unknown): PeerReply => ({ error: error instanceof Error ? error.message : String(error) }))
    .then((reply) => process.send!(reply));
});
process.on('disconnect', () => process.exit(0));
