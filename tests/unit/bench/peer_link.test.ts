/** A peer's worker in a page may break, hang or refuse, and the benchmark goes on. */
import { expect, it } from 'vitest';
import { PeerLink, type PeerPort } from '../../../bench/page/peer_link.ts';
import type { PeerReply } from '../../../bench/peers/peer.ts';

/** A worker that answers by the name of what it prepares. */
class Fake implements PeerPort {
  static started: Fake[] = [];
  onmessage: PeerPort['onmessage'] = null;
  onerror: PeerPort['onerror'] = null;
  ended = false;
  readonly number = Fake.started.push(this);

  postMessage(request: Parameters<PeerPort['postMessage']>[0]): void {
    const name = 'name' in request ? request.name : request.do;
    if (name === 'hang') return;
    queueMicrotask(() => {
      if (name === 'break') this.onerror?.({ message: 'out of luck' });
      else this.onmessage?.({ data: this.answer(name) });
    });
  }

  private answer(name: string): PeerReply {
    if (name === 'open') return { version: '1.2.3' };
    return name === 'refuse' ? { error: 'no such op\nat a place nobody asks for' } : { ms: 5, sample: [this.number] };
  }

  terminate(): void {
    this.ended = true;
  }
}

const start = () => {
  Fake.started = [];
  return new PeerLink('tfjs', () => new Fake());
};
const prepare = (name: string) => ({ do: 'prepare', op: 'linear', name }) as const;

it('answers from one worker, says its version, and ends it', async () => {
  const peer = start();
  expect(await peer.ask(prepare('fine'), 20_000)).toEqual({ ms: 5, sample: [1] });
  expect(await peer.ask({ do: 'run' }, 20_000)).toEqual({ ms: 5, sample: [1] });
  expect(peer.version).toBe('1.2.3');
  peer.end();
  expect(Fake.started.map(({ ended }) => ended)).toEqual([true]);
});

it.each([
  ['break', 'out of luck'],
  ['hang', 'took over 0.05 s'],
])('one that does %s is ended, and the next request has a new one', async (name, error) => {
  const peer = start();
  expect(await peer.ask(prepare(name), 50)).toEqual({ error });
  expect(await peer.ask(prepare('fine'), 20_000)).toEqual({ ms: 5, sample: [2] });
  expect(Fake.started.map(({ ended }) => ended)).toEqual([true, false]);
});

it('passes a refusal on, first line only, and keeps the worker', async () => {
  const peer = start();
  expect(await peer.ask(prepare('refuse'), 20_000)).toEqual({ error: 'no such op' });
  expect(await peer.ask(prepare('fine'), 20_000)).toEqual({ ms: 5, sample: [1] });
});
