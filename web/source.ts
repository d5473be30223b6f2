/** Where a model comes from, and its files. */
import { browserHost, folderUrl, useIn } from './cache.ts';
import { type FileSet, type OpenFilesOptions, chosenFiles, embeddedFiles } from './files.ts';

/** `embedded`, the address of a converted folder, or files from disk. */
export type ModelSource = 'embedded' | (string & {}) | readonly File[];

/** A source that can be sent to a worker. */
export type SentSource =
  | { readonly kind: 'embedded' }
  | { readonly kind: 'files'; readonly files: readonly File[] }
  | { readonly kind: 'url'; readonly url: string };

export function sentSource(source: ModelSource): SentSource {
  if (typeof source !== 'string') return { kind: 'files', files: [...source] };
  return source === 'embedded' ? { kind: 'embedded' } : { kind: 'url', url: absolute(source) };
}

/** The address of a folder as it is kept. */
export const absolute = (url: string): string =>
  folderUrl(url, typeof document === 'undefined' ? location.href : document.baseURI);

/** The files of a source; `urls` are the embedded model's. `ensure` brings what is at an address into the store. */
export async function filesOf(
  source: SentSource,
  urls: Readonly<Record<string, string>>,
  options: OpenFilesOptions,
  ensure: (url: string, options: OpenFilesOptions) => Promise<void>,
): Promise<FileSet> {
  if (source.kind === 'embedded') return embeddedFiles(urls, options);
  if (source.kind === 'files') return chosenFiles(source.files);
  await ensure(source.url, options);
  return useIn(browserHost(), source.url);
}
