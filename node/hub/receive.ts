/** One answer of the hub, piece by piece: redirects followed by hand, silence ended, what went wrong said in words. */
import { FileError } from '../../src/engine/index.ts';
import { LEAST, Unlucky, retryAfter } from '../../src/harmon/tries.ts';
import { type HubHost, nextHop } from './host.ts';

export interface Receiver {
  /** Looks at an answer of the hub's own origin, also one that redirects. */
  readonly ofHub?: (headers: Headers) => void;
  /** Looks at the answer before its bytes come. */
  readonly check: (response: Response) => void;
  /** Takes a piece; true when no more is wanted. */
  readonly take: (piece: Uint8Array) => boolean | Promise<boolean>;
}

/** Redirects of one request. */
const MOST_HOPS = 5;
const REDIRECTS = [301, 302, 303, 307, 308];
/** A hub that asks to wait longer than this is not waited for, milliseconds. */
export const LONGEST_WAIT = 300_000;

/** @throws Unlucky for what another try may mend, FileError for what it will not. */
export async function receive(
  host: HubHost,
  url: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal | undefined,
  { ofHub, check, take }: Receiver,
): Promise<void> {
  const stop = new AbortController();
  const abort = () => stop.abort();
  if (signal?.aborted) abort();
  signal?.addEventListener('abort', abort, { once: true });
  let stalled = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const watch = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      stalled = true;
      stop.abort();
    }, host.patience);
  };
  const broke = (error: unknown): never => {
    if (stalled) throw new Unlucky(`it must send something but was silent for ${Math.round(host.patience / 1000)} s`);
    throw new Unlucky(`the connection must hold but broke (${reasonOf(error)})`);
  };
  try {
    watch();
    const response = await follow(host, url, headers, stop.signal, ofHub).catch((error: unknown) => {
      if (error instanceof FileError || error instanceof Unlucky) throw error;
      return broke(error);
    });
    refuse(response, url, host);
    check(response);
    const reader = response.body?.getReader();
    for (let fresh = 0; ;) {
      const { done, value } = (await reader?.read().catch(broke)) ?? { done: true, value: undefined };
      if (done) return;
      if ((fresh += value.length) >= LEAST) {
        fresh = 0;
        watch();
      }
      if (await take(value)) return;
    }
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
    stop.abort();
  }
}

/** Follows redirects. Whoever is not the hub gets no token. */
async function follow(
  { endpoint, token, fetch }: HubHost,
  url: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
  ofHub: Receiver['ofHub'],
): Promise<Response> {
  let at = new URL(url);
  for (let hops = 0; hops <= MOST_HOPS; hops++) {
    const isHub = at.origin === endpoint.origin;
    const authorization: Record<string, string> =
      isHub && token !== undefined ? { Authorization: `Bearer ${token}` } : {};
    const response = await fetch(at.href, {
      headers: { 'Accept-Encoding': 'identity', ...headers, ...authorization },
      redirect: 'manual',
      signal,
    });
    if (isHub && response.status < 400) ofHub?.(response.headers);
    if (!REDIRECTS.includes(response.status)) return response;
    await response.body?.cancel();
    at = nextHop(endpoint, at, response.headers.get('Location'));
  }
  throw new FileError(`${url}: must lead to a file but was redirected over ${MOST_HOPS} times: check HF_ENDPOINT`);
}

function refuse({ status, headers, ok }: Response, url: string, { token }: HubHost): void {
  if (ok) return;
  if (status === 408 || status === 429 || status >= 500) {
    const wait = retryAfter(headers.get('Retry-After'));
    if (wait !== undefined && wait > LONGEST_WAIT)
      throw new FileError(
        `${url}: the server must answer but says ${status} and to come back in ${Math.ceil(wait / 1000)} s: try again then; what has arrived is kept`,
      );
    throw new Unlucky(`the server must answer but says ${status}`, wait);
  }
  if (status === 401 || status === 403)
    throw new FileError(
      `${url}: must be open to you but the server answered ${status}: check the name, accept the model's terms on its page, and ${token === undefined ? 'set HF_TOKEN to a token that may read it' : 'check that the token in HF_TOKEN may read it'}`,
    );
  if (status === 404 || status === 410)
    throw new FileError(`${url}: must be there but the server answered ${status}: check the name and the revision`);
  if (status === 416)
    throw new FileError(
      `${url}: must be as long as the hub's list says but is shorter: try again later, or take another revision`,
    );
  throw new FileError(`${url}: must be there but the server answered ${status}: check HF_ENDPOINT`);
}

/** Node says why only in the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (!(cause instanceof Error)) return error.message;
  return cause.message || ('code' in cause ? String(cause.code) : error.message);
}
