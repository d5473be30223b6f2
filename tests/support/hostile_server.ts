/** A folder served over HTTP as a good server would, or as one of those that are met in the wild. */
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';

export interface Served {
  readonly url: string;
  /** Requests so far: path and range. */
  readonly requests: { path: string; range: string; authorization: string | undefined }[];
  /** Body bytes sent so far. */
  sent: number;
  close(): Promise<void>;
}

export type Behaviour = (context: {
  request: IncomingMessage;
  response: ServerResponse;
  /** The whole file, and the range that is asked for; of a request without one, all. */
  file: Uint8Array;
  first: number;
  last: number;
  /** Requests for this path before this one. */
  earlier: number;
  /** Answers as a good server does. */
  good(): void;
}) => void;

/** Serves `files`; `behaviour` answers for the file called `hostile`. */
export async function serveFolder(
  files: Readonly<Record<string, Uint8Array>>,
  hostile = '',
  behaviour: Behaviour = ({ good }) => good(),
): Promise<Served> {
  const counts = new Map<string, number>();
  const served: Omit<Served, 'url'> = { requests: [], sent: 0, close: () => close(server) };
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url!.split('/').at(-1)!);
    const range = request.headers.range ?? '';
    served.requests.push({ path, range, authorization: request.headers.authorization });
    const earlier = counts.get(path) ?? 0;
    counts.set(path, earlier + 1);
    const write = response.write.bind(response) as (chunk: Uint8Array, ...rest: unknown[]) => boolean;
    response.write = ((chunk: Uint8Array, ...rest: unknown[]) => {
      served.sent += chunk.length;
      return write(chunk, ...rest);
    }) as typeof response.write;
    const file = files[path];
    if (!file) return void response.writeHead(404).end('not found');
    const [, a, b] = /^bytes=(\d+)-(\d+)$/.exec(range) ?? [];
    const [first, last] = a === undefined ? [0, file.length - 1] : [Number(a), Math.min(Number(b), file.length - 1)];
    const good = () => {
      if (a === undefined) response.writeHead(200);
      else response.writeHead(206, { 'Content-Range': `bytes ${first}-${last}/${file.length}` });
      response.write(file.subarray(first, last + 1));
      response.end();
    };
    if (path === hostile) behaviour({ request, response, file, first, last, earlier, good });
    else good();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(served, { url: `http://127.0.0.1:${port}/model/` });
}

const close = (server: Server) =>
  new Promise<void>((resolve) => {
    server.closeAllConnections();
    server.close(() => resolve());
  });

const part = (context: { file: Uint8Array; first: number; last: number }, header?: string) => ({
  headers: { 'Content-Range': header ?? `bytes ${context.first}-${context.last}/${context.file.length}` },
  body: context.file.subarray(context.first, context.last + 1),
});

/** What a server may do wrong, for every request; wrapped in `once`, only for the first. */
export const behaviours = {
  'ignores ranges': ({ response, file }) => void response.writeHead(200).end(file),
  'says another range': (c) => {
    const { headers, body } = part(c, `bytes ${c.first + 1}-${c.last + 1}/${c.file.length}`);
    c.response.writeHead(206, headers).end(body);
  },
  'sends a short body': (c) => {
    const { headers, body } = part(c);
    c.response.writeHead(206, headers).end(body.subarray(0, 100));
  },
  'sends a long body': (c) => {
    const { headers, body } = part(c);
    c.response.writeHead(206, headers).end(Buffer.concat([body, body]));
  },
  'compresses the range': (c) => {
    const { headers, body } = part(c);
    c.response.writeHead(206, { ...headers, 'Content-Encoding': 'gzip' }).end(gzipSync(body));
  },
  'compresses the file and cuts that': (c) => {
    const { headers } = part(c);
    const cut = gzipSync(c.file).subarray(c.first, c.last + 1);
    c.response.writeHead(206, { ...headers, 'Content-Encoding': 'gzip' }).end(cut);
  },
  'has another file midway': (c) => {
    const { headers, body } = part(c);
    const changed = c.first === 0 ? body : body.map((byte) => byte ^ 0x55);
    c.response.writeHead(206, { ...headers, ETag: c.first === 0 ? '"a"' : '"b"' }).end(changed);
  },
  'has no such range': ({ response }) => void response.writeHead(416).end(),
  'is busy': ({ response }) => void response.writeHead(429, { 'Retry-After': '2' }).end(),
  'is broken': ({ response }) => void response.writeHead(500).end('oops'),
  stalls: (c) => {
    const { headers, body } = part(c);
    c.response.writeHead(206, headers).write(body.subarray(0, 50));
  },
  'resets after 64 KiB': (c) => {
    const { headers, body } = part(c);
    c.response.writeHead(206, { ...headers, 'Content-Length': body.length });
    c.response.write(body.subarray(0, 65_536), () => setTimeout(() => c.response.destroy(), 5));
  },
  'redirects in a circle': ({ request, response }) => void response.writeHead(302, { Location: request.url }).end(),
  'sends a web page': ({ response }) =>
    void response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' }).end('<!doctype html>sign in'),
  'sends bytes twice': (c) => {
    const { headers, body } = part(c);
    c.response.writeHead(206, headers).end(Buffer.concat([body.subarray(0, 64), body.subarray(0, -64)]));
  },
  'flips a bit': (c) => {
    const { headers, body } = part(c);
    c.response.writeHead(206, headers).end(body.map((byte, i) => (i === 77 ? byte ^ 1 : byte)));
  },
  drips: (c) => {
    const { headers, body } = part(c);
    c.response.writeHead(206, headers);
    let at = 0;
    const timer = setInterval(() => {
      if (c.response.destroyed || at === body.length) return clearInterval(timer);
      c.response.write(body.subarray(at, ++at));
    }, 5);
  },
  'is gone': ({ response }) => void response.writeHead(404).end(),
} satisfies Record<string, Behaviour>;

/** Only for the first `times` requests of the file. */
export const once =
  (behaviour: Behaviour, times = 1): Behaviour =>
  (context) =>
    context.earlier < times ? behaviour(context) : context.good();
