/** The worker of one peer: one request at a time from the benchmark. What hangs or breaks is this worker and nothing else. */
import { open } from '../peers/in_page.ts';
import type { Peer, PeerReply, PreparedCall } from '../peers/peer.ts';
import { sampled } from '../sample.ts';
import type { WorkerRequest } from './peer_link.ts';

let peer: Peer | undefined;
let call: PreparedCall | undefined;

async function answer(request: WorkerRequest): Promise<PeerReply> {
  if (request.do === 'open') {
    peer = await open[request.peer]();
    return { version: peer.version };
  }
  if (request.do === 'run') return timed(call!);
  call?.destroy();
  call = undefined;
  if (request.do === 'dispose') return {};
  call = await peer!.prepare(request.task!);
  return timed(call);
}

async function timed(prepared: PreparedCall): Promise<PeerReply> {
  const start = performance.now();
  const values = await prepared.run();
  const ms = performance.now() - start;
  return { ms, sample: sampled(values) };
}

onmessage = ({ data }: MessageEvent<WorkerRequest>) =>
  void answer(data)
    .catch((error: unknown): PeerReply => ({ error: error instanceof Error ? error.message : String(error) }))
    .then((reply) => postMessage(reply));
