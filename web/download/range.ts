/**
 * One range of a file by HTTP, whatever the server does: what arrived before a break is kept and the rest is asked for again; a server that
 * stalls, answers another range or says that it is busy is asked a few times, with growing waits.
 */
import { FileError } from '../../src/engine/index.ts';
import {
  LEAST,
  type Receiver,
  type Sleep,
  Unlucky,
  receive as receiveOnce,
  retryAfter,
  tries,
} from '../../src/harmon/tries.ts';

/** What fetching stands on; tests bring their own. */
export interface Net {
  fetch(url: string, init: RequestInit): Promise<Response>;
  readonly sleep: Sleep;
  /** Milliseconds in which at least `LEAST` bytes must arrive. */
  readonly patience: number;
}

/** The server sends whole files only. */
export class WholeOnly extends Error {}

/** More than was asked for: none of it counts. */
class TooLong extends Unlucky {}

export interface Range {
  readonly url: string;
  readonly offset: number;
  readonly length: number;
  /** Bytes of the whole file, as the manifest has it. */
  readonly size: number;
}

/**
 * Bytes `offset` to `offset + length`. `onBytes` is told of each piece. @throws FileError naming the address when the server gives up or gives
 * something else; WholeOnly for one that ignores ranges; AbortError.
 */
export async function fetchRange(
  net: Net,
  range: Range,
  signal?: AbortSignal,
  onBytes: (bytes: number) => void = () => undefined,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(range.length);
  let have = 0;
  await tries(net, range.url, signal, async () => {
    const before = have;
    try {
      const first = range.offset + have;
      const last = range.offset + range.length - 1;
      const headers = { Range: `bytes=${first}-${last}` };
      await receive(net, range.url, headers, signal, {
        check: (response) => checkRange(response, first, last, range),
        take(piece) {
          if (have + piece.length > range.length)
            throw new TooLong(`it must send ${range.length} bytes from ${range.offset} on but sends more`);
          bytes.set(piece, have);
          have += piece.length;
          onBytes(piece.length);
        },
      });
      if (have < range.length) throw new Unlucky(`it must send ${range.length} bytes but ended after ${have}`);
    } catch (error) {
      if (error instanceof TooLong) {
        onBytes(-have);
        have = 0;
      }
      if (have - before >= LEAST) return false;
      throw error;
    }
    return true;
  });
  return bytes;
}

/** One request and its body, piece by piece. @throws Unlucky, FileError, WholeOnly. */
export async function receive(
  net: Net,
  url: string,
  headers: Record<string, string>,
  signal: AbortSignal | undefined,
  { check, take }: Omit<Receiver<Response>, 'ask'>,
): Promise<void> {
  await receiveOnce(net.patience, signal, {
    ask: (stop) => net.fetch(url, { headers, signal: stop, cache: 'no-store' }),
    check(response) {
      refuse(response, url);
      check(response);
    },
    take,
  });
}

/** @throws Unlucky for what may pass, FileError for what will not. */
function refuse({ status, headers, ok }: Response, url: string): void {
  if (ok) return;
  if (status === 416)
    throw new FileError(
      `${url}: must be as long as the model's list says but is shorter: it has changed there; delete the download and start again`,
    );
  if (status === 408 || status === 429 || status >= 500)
    throw new Unlucky(`the server must answer but says ${status}`, retryAfter(headers.get('Retry-After')));
  throw new FileError(`${url}: must be there but the server answered ${status}: check the address`);
}

function checkRange({ status, headers }: Response, first: number, last: number, { url, size }: Range): void {
  if (/^text\/html/i.test(headers.get('Content-Type') ?? ''))
    throw new FileError(`${url}: must be a file of the model but is a web page: check the address, or sign in there`);
  if (status === 200) throw new WholeOnly();
  const told = headers.get('Content-Range'); // hidden from pages of another origin unless the server exposes it
  if (told !== null && told !== `bytes ${first}-${last}/${size}` && told !== `bytes ${first}-${last}/*`)
    throw new Unlucky(`it must send bytes ${first}-${last} of ${size} but says ${JSON.stringify(told.slice(0, 80))}`);
}
