/**
 * The hub that models are fetched from, and where a request to it may lead: the token goes to the hub's own origin and nowhere else, and no
 * redirect leads from the open network into a private one or from https to http.
 */
import { BlockList, isIP } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { AbortError, ArgumentError, FileError } from '../../src/engine/index.ts';
import type { Sleep } from '../../src/harmon/tries.ts';
import { type Environment, cacheFolder } from '../cache_folder.ts';

/** What a download stands on; tests bring their own. */
export interface HubHost {
  readonly endpoint: URL;
  readonly token?: string;
  /** No request is made. */
  readonly offline: boolean;
  /** Folder of what has been fetched. */
  readonly cache: string;
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  readonly sleep: Sleep;
  /** Milliseconds in which at least `LEAST` bytes must arrive. */
  readonly patience: number;
  /** Bytes between two notes in the journal of a file without a list of hashes. */
  readonly chunkBytes: number;
}

/** The hub of HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE. @throws ArgumentError. */
export function hubHost(env: Environment = process.env): HubHost {
  const endpoint = endpointOf(env.HF_ENDPOINT || 'https://huggingface.co');
  const token = env.HF_TOKEN?.trim() || undefined;
  if (token !== undefined && !/^[\x21-\x7e]{1,500}$/.test(token))
    throw new ArgumentError('HF_TOKEN must be one word of letters, digits and signs but is not');
  if (token !== undefined && endpoint.protocol === 'http:' && !isPrivate(endpoint.hostname))
    throw new ArgumentError(
      `HF_ENDPOINT must be https where HF_TOKEN is set but is ${endpoint.origin}: unset one of them`,
    );
  return {
    endpoint,
    token,
    offline: /^(1|true|yes|on)$/i.test(env.HF_HUB_OFFLINE ?? ''),
    cache: join(cacheFolder(env), 'hub'),
    fetch: (url, init) => fetch(url, init),
    sleep,
    patience: 30_000,
    chunkBytes: 4 * 1024 * 1024,
  };
}

function endpointOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password || url.search || url.hash)
    throw new ArgumentError(
      `HF_ENDPOINT must be an address such as https://huggingface.co but is ${JSON.stringify(text.slice(0, 200))}`,
    );
  return url;
}

const sleep: Sleep = (ms, signal) =>
  delay(ms, undefined, { signal }).catch((cause: unknown) => {
    throw new AbortError('download', { cause });
  });

/** Addresses of the hub begin with this. */
export const base = ({ endpoint }: HubHost): string => endpoint.href.replace(/\/+$/, '');

const privateNets = new BlockList();
for (const [net, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
] as const)
  privateNets.addSubnet(net, prefix, 'ipv4');
for (const [net, prefix] of [
  ['::', 127],
  ['fc00::', 7],
  ['fe80::', 10],
] as const)
  privateNets.addSubnet(net, prefix, 'ipv6');

/** Whether a host, as URLs spell it, lies on this machine or in its own network by its name. */
export function isPrivate(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  const kind = isIP(host);
  if (kind) return privateNets.check(host, kind === 4 ? 'ipv4' : 'ipv6');
  return !host.includes('.') || /\.(localhost|local|internal|lan|home\.arpa)$/i.test(host);
}

/** Where a redirect leads. @throws FileError where it must not lead. */
export function nextHop(endpoint: URL, from: URL, location: string | null): URL {
  const refuse = (what: string): never => {
    throw new FileError(`${from.origin}: must redirect to a file by https but ${what}: check HF_ENDPOINT`);
  };
  if (location === null || !URL.canParse(location, from.href)) return refuse('names no address');
  const to = new URL(location, from);
  if (to.username || to.password) return refuse('names an address with a password');
  if (to.protocol !== 'https:' && !(to.protocol === 'http:' && endpoint.protocol === 'http:'))
    return refuse(`redirects to ${to.protocol}//${to.host}`);
  if (isPrivate(to.hostname) && !isPrivate(endpoint.hostname))
    return refuse(`redirects to ${to.host}, in the private network`);
  return to;
}
