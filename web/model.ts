/** Opening Harmon in the thread that calls: its files, then the GPU. */
import { type Device, FileError, type Quantised, throwIfAborted } from '../src/engine/index.ts';
import { Harmon } from '../src/harmon/index.ts';
import { openDevice } from './device.ts';
import { embeddedUrls } from './embedded.ts';
import { type FileSet, type OpenFilesOptions, chosenFiles, embeddedFiles, openModelFiles } from './files.ts';

/** `embedded`, the address of a converted folder, or files from disk. */
export type ModelSource = 'embedded' | (string & {}) | readonly File[];

export interface OpenModelOptions extends OpenFilesOptions {
  /** A device to share, which stays its owner's; without, the model opens its own and destroys it with itself. */
  readonly device?: Device;
  /** Keeps matrices on the device in fewer bits: `q8` or `q4`. */
  readonly quantise?: Quantised;
}

/** A source that can be sent to a worker. */
export type SentSource =
  | { readonly kind: 'embedded' }
  | { readonly kind: 'files'; readonly files: readonly File[] }
  | { readonly kind: 'url'; readonly url: string };

/**
 * Opens a model. `destroy` of the result gives back everything opened here.
 * @throws FileError for files that are missing, broken or of another model, StorageError, GpuError without an adapter, AbortError.
 */
export async function openModel(source: ModelSource, options: OpenModelOptions = {}): Promise<Harmon> {
  const files = await filesOf(sentSource(source), embeddedUrls(), options);
  const model = await openModelFiles(files, embeddedFiles(embeddedUrls()), options);
  const device = options.device ?? (await openDevice());
  try {
    throwIfAborted(options.signal, 'open');
    return owning(Harmon.open({ ...model, device, quantise: options.quantise }), options.device ? undefined : device);
  } catch (error) {
    if (!options.device) device.destroy();
    throw error;
  }
}

/** The model, whose `destroy` destroys its device too. */
function owning(harmon: Harmon, device: Device | undefined): Harmon {
  const destroyModel = harmon.destroy.bind(harmon);
  return Object.assign(harmon, {
    destroy() {
      destroyModel();
      device?.destroy();
    },
  });
}

export function sentSource(source: ModelSource): SentSource {
  if (typeof source !== 'string') return { kind: 'files', files: source };
  return source === 'embedded' ? { kind: 'embedded' } : { kind: 'url', url: new URL(source, baseUrl()).href };
}

const baseUrl = (): string => (typeof document === 'undefined' ? location.href : document.baseURI);

/** The files of a source; `urls` are the embedded model's. */
export async function filesOf(
  source: SentSource,
  urls: Readonly<Record<string, string>>,
  options: OpenFilesOptions,
): Promise<FileSet> {
  if (source.kind === 'embedded') return embeddedFiles(urls, options);
  if (source.kind === 'files') return chosenFiles(source.files);
  throw new FileError(
    `${source.url}: must be the embedded model or files from disk but is an address: choose its files`,
  );
}
