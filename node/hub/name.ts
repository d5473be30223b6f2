/** How a model of a hub is spelled: `hf:owner/name@revision`, and one file of it: `hf:owner/name/file@revision`. */
import { ArgumentError } from '../../src/engine/index.ts';

export interface HubName {
  /** `owner/name`. */
  readonly repo: string;
  /** A file in the repository's top folder. */
  readonly file?: string;
  /** A branch, a tag or a commit. */
  readonly revision: string;
}

const PREFIX = 'hf:';
const WORD = /^[A-Za-z\d](?:[\w.-]{0,94}[\w])?$/;
const REVISION = /^[A-Za-z\d][\w./+-]{0,199}$/;
/** Names of files as any file system takes them. */
const FILE = /^[\w][\w.+ -]{0,199}$/;

export const isHubName = (text: string | undefined): text is string => text?.startsWith(PREFIX) ?? false;

export const isPlainFile = (name: unknown): name is string =>
  typeof name === 'string' && FILE.test(name) && !/[. ]$/.test(name);

/** A revision that can never mean another commit. */
export const isCommit = (revision: unknown): revision is string =>
  typeof revision === 'string' && /^[\da-f]{40}$/.test(revision);

/** @throws ArgumentError for what is no such name, or not of what it `must` be; `option` says where it was read. */
export function parseHubName(text: string, option: string, must: 'model' | 'file' | 'either'): HubName {
  const [path, revision = 'main', ...more] = text.slice(PREFIX.length).split('@');
  const [owner, name, file, ...deeper] = path.split('/');
  const isWord = (word: string | undefined) => word !== undefined && WORD.test(word) && !/\.\.|--/.test(word);
  const isRevision = REVISION.test(revision) && !/\.\.|\/\/|\/$|\.lock$/.test(revision);
  const isFile = file === undefined ? must !== 'file' : must !== 'model' && isPlainFile(file);
  if (!isWord(owner) || !isWord(name) || !isRevision || !isFile || more.length > 0 || deeper.length > 0)
    throw new ArgumentError(
      `${option} must be spelled hf:owner/name${must === 'file' ? '/file' : ''} or, with a revision, hf:owner/name${must === 'file' ? '/file' : ''}@revision but is ${JSON.stringify(text.slice(0, 200))}`,
    );
  return { repo: `${owner}/${name}`, file, revision };
}

/** The name as it is spelled. */
export const hubNameText = ({ repo, file, revision }: HubName): string =>
  `${PREFIX}${repo}${file === undefined ? '' : `/${file}`}@${revision}`;
