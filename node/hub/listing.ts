/** Which commit a revision means, and which files it has: asked of the hub through its own library, checked like any input. */
import { listFiles, modelInfo } from '@huggingface/hub';
import { FileError, OvertoneError, throwIfAborted } from '../../src/engine/index.ts';
import { Unlucky, tries } from '../../src/harmon/tries.ts';
import type { HubFile } from './file.ts';
import { type HubHost, base } from './host.ts';
import { isCommit, isPlainFile } from './name.ts';
import { LONGEST_WAIT, receive } from './receive.ts';

/** Entries and pages of a listing that are looked at. */
const MOST_ENTRIES = 10_000;
const MOST_PAGES = 100;
const MOST_ANSWER = 64 * 1024 * 1024;

/** The commit of a revision. `once` asks a single time, whatever happens. @throws FileError, Unlucky with `once`, AbortError. */
export async function commitOf(
  host: HubHost,
  repo: string,
  revision: string,
  { once, signal }: { readonly once: boolean; readonly signal?: AbortSignal },
): Promise<string> {
  let commit: unknown;
  const ask = async () => {
    const info = await asked(host, () =>
      modelInfo({ name: repo, revision, additionalFields: ['sha'], hubUrl: base(host), fetch: asking(host, signal) }),
    );
    commit = info.sha;
    return true;
  };
  const again = { sleep: host.sleep, longestWait: LONGEST_WAIT };
  if (once) await ask();
  else await tries(again, `${base(host)}/${repo}`, signal, ask);
  if (!isCommit(commit))
    throw new FileError(`${base(host)}/${repo}: must tell the commit of ${revision} but does not: check HF_ENDPOINT`);
  return commit;
}

/** The files in the top folder of a commit whose names are plain. @throws FileError, AbortError. */
export async function filesOf(host: HubHost, repo: string, commit: string, signal?: AbortSignal): Promise<HubFile[]> {
  const files = new Map<string, HubFile>();
  const again = { sleep: host.sleep, longestWait: LONGEST_WAIT };
  await tries(again, `${base(host)}/${repo}`, signal, () =>
    asked(host, async () => {
      files.clear();
      let count = 0;
      const params = { repo, revision: commit, hubUrl: base(host), fetch: asking(host, signal) };
      for await (const entry of listFiles(params)) {
        if (++count > MOST_ENTRIES)
          throw new FileError(`${base(host)}/${repo}: must list at most ${MOST_ENTRIES} files but lists more`);
        const file = fileOf(entry);
        if (file) files.set(file.name, file);
      }
      return true;
    }),
  );
  return [...files.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** An entry of a listing; undefined for what is no file that could be fetched. */
export function fileOf(entry: unknown): HubFile | undefined {
  const { type, path, size, oid, lfs } = members(entry);
  if (type !== 'file' || !isPlainFile(path)) return undefined;
  const linked = members(lfs);
  const bytes = lfs === undefined ? size : linked.size;
  if (!Number.isSafeInteger(bytes) || (bytes as number) < 0) return undefined;
  if (lfs !== undefined)
    return isHex(linked.oid, 64)
      ? { name: path, bytes: bytes as number, hash: { kind: 'sha256', hex: linked.oid } }
      : undefined;
  return isHex(oid, 40) ? { name: path, bytes: bytes as number, hash: { kind: 'git', hex: oid } } : undefined;
}

const members = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? { ...value } : {};
const isHex = (value: unknown, digits: number): value is string =>
  typeof value === 'string' && value.length === digits && /^[\da-f]+$/.test(value);

/** Turns what the library throws at an odd answer into a sentence. */
async function asked<T>(host: HubHost, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (cause) {
    if (cause instanceof OvertoneError || cause instanceof Unlucky) throw cause;
    throw new FileError(`${base(host)}: must answer as a hub does but does not: check HF_ENDPOINT`, { cause });
  }
}

/** A `fetch` for the library: bounded, patient, true to the hub's own origin. */
function asking(host: HubHost, signal: AbortSignal | undefined): typeof fetch {
  let pages = 0;
  return async (input) => {
    throwIfAborted(signal, 'download');
    const url = String(input instanceof Request ? input.url : input);
    const fail = (what: string): never => {
      throw new FileError(`${url.slice(0, 300)}: ${what}: check HF_ENDPOINT`);
    };
    if (!URL.canParse(url) || new URL(url).origin !== host.endpoint.origin)
      fail(`must be an address of ${host.endpoint.host} but is not`);
    if (++pages > MOST_PAGES) fail(`must list a repository in at most ${MOST_PAGES} pages but goes on`);
    const pieces: Uint8Array[] = [];
    let length = 0;
    let headers = new Headers();
    await receive(host, url, { Accept: 'application/json' }, signal, {
      check(response) {
        headers = response.headers;
        if (!/json/i.test(headers.get('Content-Type') ?? ''))
          fail('must be an answer of a hub but is a web page or another file');
      },
      take(piece) {
        if ((length += piece.length) > MOST_ANSWER) fail('must be a short answer but is larger than 64 MB');
        pieces.push(piece);
        return false;
      },
    });
    const link = headers.get('Link');
    return new Response(Buffer.concat(pieces), { headers: link === null ? {} : { Link: link } });
  };
}
