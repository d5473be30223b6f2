/** A peer in a page from the outside: requests to its worker, which may break, hang or refuse; each of these is an answer too. */
import type { AskedPeer, PeerName, PeerReply, PeerRequest } from '../peers/peer.ts';

export type WorkerRequest = { readonly do: 'open'; readonly peer: PeerName } | PeerRequest;

/** What is used of a worker. */
export interface PeerPort {
  onmessage: ((event: { readonly data: PeerReply }) => unknown) | null;
  onerror: ((event: { readonly message?: string }) => unknown) | null;
  postMessage(request: WorkerRequest): void;
  terminate(): void;
}

export class PeerLink implements AskedPeer {
  version: string | undefined;
  private port: PeerPort | undefined;

  constructor(
    readonly name: PeerName,
    private readonly start: () => PeerPort,
  ) {}

  /** The reply, whose `error` says what went wrong. A worker that broke or took longer than `limit` ms is a new one at the next request. */
  async ask(request: PeerRequest, limit: number): Promise<PeerReply> {
    if (!this.port) {
      this.port = this.start();
      const opened = await this.send({ do: 'open', peer: this.name }, limit);
      if (opened.error !== undefined) {
        this.end();
        return opened;
      }
      this.version = opened.version;
    }
    return this.send(request, limit);
  }

  private send(request: WorkerRequest, limit: number): Promise<PeerReply> {
    const port = this.port!;
    return new Promise((resolve) => {
      const timer = setTimeout(() => lost(`took over ${limit / 1000} s`), limit);
      const lost = (error: string) => {
        clearTimeout(timer);
        this.end();
        resolve({ error });
      };
      port.onmessage = ({ data }) => {
        clearTimeout(timer);
        resolve(data.error === undefined ? data : { error: data.error.trim().split('\n')[0].slice(0, 200) });
      };
      port.onerror = ({ message }) => lost(message || 'its worker did not start');
      port.postMessage(request);
    });
  }

  end(): void {
    if (this.port) this.port.onmessage = this.port.onerror = null;
    this.port?.terminate();
    this.port = undefined;
  }
}
