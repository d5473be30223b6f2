/** A peer from the outside: requests to its process, which may crash, hang or refuse; each of these is an answer too. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Clock } from '../node/clock.ts';
import type { AskedPeer, PeerName, PeerReply, PeerRequest } from './peers/peer.ts';

export type ProcessRequest = { readonly do: 'open'; readonly peer: PeerName; readonly clock: Clock } | PeerRequest;

/** As the process was started: the drivers' caches, which we turn off for ourselves, are the peers' to keep. */
const ENVIRONMENT = { ...process.env };

const ENTRY = fileURLToPath(new URL('./peer_process.js', import.meta.url));

export class PeerProcess implements AskedPeer {
  version: string | undefined;
  private child: ChildProcess | undefined;
  private complaint = '';

  constructor(
    readonly name: PeerName,
    private readonly clock: Clock,
    private readonly entry: string = ENTRY,
  ) {}

  /** The reply, whose `error` says what went wrong. A process that crashed or took longer than `limit` ms is a new one at the next request. */
  async ask(request: PeerRequest, limit: number): Promise<PeerReply> {
    if (!this.child) {
      this.start();
      const opened = await this.send({ do: 'open', peer: this.name, clock: this.clock }, limit);
      if (opened.error !== undefined) {
        this.end();
        return opened;
      }
      this.version = opened.version;
    }
    return this.send(request, limit);
  }

  private start(): void {
    const child = fork(this.entry, {
      env: ENVIRONMENT,
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      serialization: 'advanced',
    });
    this.complaint = '';
    child.stderr!.on('data', (bytes) => (this.complaint = (this.complaint + String(bytes)).slice(-4000)));
    this.child = child;
    process.once('exit', () => child.kill('SIGKILL'));
  }

  /** Between its turns the process stands still: one that polls would take a core from whoever is measured. */
  private rest(child: ChildProcess, signal: 'SIGSTOP' | 'SIGCONT'): void {
    if (process.platform !== 'win32') child.kill(signal);
  }

  private send(request: ProcessRequest, limit: number): Promise<PeerReply> {
    const child = this.child!;
    return new Promise((resolve) => {
      const finish = (reply: PeerReply, alive: boolean) => {
        clearTimeout(timer);
        child.removeAllListeners('message');
        child.removeAllListeners('exit');
        if (alive) this.rest(child, 'SIGSTOP');
        else {
          this.child = undefined;
          child.kill('SIGKILL');
        }
        resolve(reply.error === undefined ? reply : { ...reply, error: oneLine(reply.error) });
      };
      const timer = setTimeout(() => finish({ error: `took over ${limit / 1000} s` }, false), limit);
      child.once('message', (reply: PeerReply) => finish(reply, true));
      child.once('exit', (code, signal) =>
        finish({ error: `its process ended with ${signal ?? code}: ${lastLine(this.complaint)}` }, false),
      );
      this.rest(child, 'SIGCONT');
      child.send(request);
    });
  }

  end(): void {
    this.child?.removeAllListeners('exit');
    this.child?.kill('SIGKILL');
    this.child = undefined;
  }
}

const oneLine = (text: string) => text.trim().split('\n')[0].slice(0, 200);
const lastLine = (text: string) =>
  text
    .trim()
    .split('\n')
    .filter((line) => /error|abort|fail/i.test(line))
    .at(-1) ?? 'it said nothing';
