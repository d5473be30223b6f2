/**
 * A server that behaves like the hub: models by API, files by `resolve`, large ones by a redirect to another host. Its host of large files is
 * `serveFolder`, which can misbehave.
 */
import { createHash } from 'node:crypto';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Behaviour, type Served, serveFolder } from './hostile_server.ts';

export interface HubServer {
  readonly url: string;
  readonly cdn: Served;
  /** Requests to the hub itself: path with query, range and authorization. */
  readonly requests: { path: string; range: string; authorization: string | undefined }[];
  commit: string;
  /** Another answer for a request, where it returns true. */
  answer: (request: IncomingMessage, response: ServerResponse) => boolean;
  close(): Promise<void>;
}

export interface HubServerOptions {
  readonly files: Readonly<Record<string, Uint8Array>>;
  /** Entries that the listing has beside the files. */
  readonly more?: readonly unknown[];
  /** The large file that its host is hostile about. */
  readonly hostile?: string;
  readonly behaviour?: Behaviour;
}

export const REPO = 'overtone/small';
export const COMMIT = 'c0ffee'.repeat(7).slice(0, 40);
/** Files that are kept as large ones, as the hub's settings have it. */
const isLarge = (name: string): boolean => /\.(safetensors|pth|ckpt)$/.test(name);
const PAGE = 3;

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const gitHash = (bytes: Uint8Array): string =>
  createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');

/** Serves one repository. */
export async function serveHub({ files, more = [], hostile, behaviour }: HubServerOptions): Promise<HubServer> {
  const large = Object.values(files).map((bytes) => [sha256(bytes), bytes] as const);
  const cdn = await serveFolder(Object.fromEntries(large), hostile && sha256(files[hostile]), behaviour);
  const entries = Object.entries(files).map(([path, bytes]) =>
    isLarge(path)
      ? {
          type: 'file',
          oid: gitHash(Buffer.from(`pointer ${path}`)),
          size: bytes.length,
          path,
          lfs: { oid: sha256(bytes), size: bytes.length, pointerSize: 134 },
        }
      : { type: 'file', oid: gitHash(bytes), size: bytes.length, path },
  );
  const listing: unknown[] = [{ type: 'directory', oid: '0'.repeat(40), size: 0, path: 'images' }, ...entries, ...more];
  const hub: Omit<HubServer, 'url'> = {
    cdn,
    requests: [],
    commit: COMMIT,
    answer: () => false,
    async close() {
      server.closeAllConnections();
      await Promise.all([cdn.close(), new Promise((resolve) => server.close(resolve))]);
    },
  };
  const server = createServer((request, response) => {
    const url = new URL(request.url!, 'http://hub');
    const range = request.headers.range ?? '';
    hub.requests.push({ path: request.url!, range, authorization: request.headers.authorization });
    if (hub.answer(request, response)) return;
    const json = (value: unknown, headers = {}) =>
      response
        .writeHead(200, { 'Content-Type': 'application/json; charset=utf-8', ...headers })
        .end(JSON.stringify(value));
    const path = decodeURIComponent(url.pathname);
    const api = `/api/models/${REPO}`;
    if (path === `${api}/revision/main` || path === `${api}/revision/${hub.commit}`)
      return void json({ _id: '1', id: REPO, sha: hub.commit, lastModified: '2026-01-01T00:00:00.000Z' });
    if (path === `${api}/tree/${hub.commit}`) {
      const at = Number(url.searchParams.get('cursor') ?? 0);
      const next = `${base()}${api}/tree/${hub.commit}?cursor=${at + PAGE}`;
      return void json(
        listing.slice(at, at + PAGE),
        at + PAGE < listing.length ? { Link: `<${next}>; rel="next"` } : {},
      );
    }
    const name = path.startsWith(`/${REPO}/resolve/${hub.commit}/`) ? path.split('/').at(-1)! : '';
    const bytes = files[name];
    const missing = { 'Content-Type': 'application/json', 'X-Error-Code': 'EntryNotFound' };
    if (!bytes) return void response.writeHead(404, missing).end('{"error":"Entry not found"}');
    const common = { 'X-Repo-Commit': hub.commit };
    if (isLarge(name)) {
      const tags = { 'X-Linked-Size': bytes.length, 'X-Linked-Etag': `"${sha256(bytes)}"` };
      const Location = `${cdn.url}${sha256(bytes)}`;
      return void response.writeHead(302, { ...common, ...tags, Location }).end('Found. Redirecting');
    }
    const [, first] = /^bytes=(\d+)-/.exec(range) ?? [];
    const rest = bytes.subarray(Number(first ?? 0));
    const headers = { ...common, ETag: `"${gitHash(bytes)}"`, 'Content-Length': rest.length };
    if (first === undefined) return void response.writeHead(200, headers).end(rest);
    const told = { 'Content-Range': `bytes ${first}-${bytes.length - 1}/${bytes.length}` };
    response.writeHead(206, { ...headers, ...told }).end(rest);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const base = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return Object.assign(hub, { url: base() });
}
