/** A static host for the browser tests: folders under paths, with ranges and validators, and the headers that any host can give. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';

/** Answers a request in place of the files; false where it leaves it to them. */
export type Intercept = (request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>;

export interface StaticServer {
  /** Such as `http://127.0.0.1:8080`. */
  readonly origin: string;
  /** Requests so far, as `GET /path` and the range. */
  readonly log: string[];
  /** Set to misbehave. */
  intercept: Intercept | undefined;
  close(): Promise<void>;
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
  '.webmanifest': 'application/manifest+json',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
};

/** Headers for what a page cannot say of itself in a <meta>. */
const HEADERS = {
  'content-security-policy': "frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
};

/** Serves each folder under its path (which ends in /), on a free port of this machine. */
export async function serve(folders: Readonly<Record<string, string>>): Promise<StaticServer> {
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  const handle = {
    origin: '',
    log: [] as string[],
    intercept: undefined as Intercept | undefined,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = decodeURIComponent(new URL(request.url!, 'http://host').pathname);
    handle.log.push(`${request.method} ${path} ${request.headers.range ?? ''}`.trim());
    if (await handle.intercept?.(request, response)) return;
    const at = Object.keys(folders).find((prefix) => path.startsWith(prefix));
    const rest = at === undefined ? undefined : normalize(path.slice(at.length) || 'index.html');
    if (at === undefined || rest === undefined || rest.startsWith('..')) return void response.writeHead(404).end();
    const file = join(folders[at], rest.endsWith('/') ? `${rest}index.html` : rest);
    const info = await stat(file).catch(() => undefined);
    if (!info?.isFile()) return void response.writeHead(404).end();
    const etag = `"${info.size}-${info.mtimeMs}"`;
    const headers = {
      ...HEADERS,
      etag,
      'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
      'cache-control': 'no-cache',
      'accept-ranges': 'bytes',
    };
    if (request.headers['if-none-match'] === etag) return void response.writeHead(304, headers).end();
    const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
    const [start, end] = [Number(from ?? 0), Math.min(to ? Number(to) : Infinity, info.size - 1)];
    if (from !== undefined && start > end)
      return void response.writeHead(416, { ...headers, 'content-range': `bytes */${info.size}` }).end();
    if (from !== undefined) Object.assign(headers, { 'content-range': `bytes ${start}-${end}/${info.size}` });
    response.writeHead(from === undefined ? 200 : 206, { ...headers, 'content-length': Math.max(0, end - start + 1) });
    if (request.method === 'HEAD' || info.size === 0) return void response.end();
    createReadStream(file, { start, end })
      .on('error', () => response.destroy())
      .pipe(response);
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  handle.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return handle;
}
