/** One answer of the hub, piece by piece: redirects followed by hand, what went wrong said in words. */
import { FileError } from '../../src/engine/index.ts';
import { type Receiver, Unlucky, receive as receiveOnce, retryAfter } from '../../src/harmon/tries.ts';
import { type HubHost, nextHop } from './host.ts';

export interface HubReceiver extends Omit<Receiver<Response>, 'ask'> {
  /** Looks at an answer of the hub's own origin, also one that redirects. */
  readonly ofHub?: (headers: Headers) => void;
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
  { ofHub, check, take }: HubReceiver,
): Promise<void> {
  await receiveOnce(host.patience, signal, {
    ask: (stop) => follow(host, url, headers, stop, ofHub),
    check(response) {
      refuse(response, url, host);
      check(response);
    },
    take,
  });
}

/** Follows redirects. Whoever is not the hub gets no token. */
async function follow(
  { endpoint, token, fetch }: HubHost,
  url: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
  ofHub: HubReceiver['ofHub'],
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
