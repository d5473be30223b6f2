/** Opening Harmon in the thread that calls: its files, then the GPU. */
import { type Device, throwIfAborted } from '../src/engine/index.ts';
import { Harmon, type MemoryOptions } from '../src/harmon/index.ts';
import { settledForm } from '../src/harmon/planned.ts';
import { ensure } from './cached.ts';
import { openDevice } from './device.ts';
import { embeddedUrls } from './embedded.ts';
import { type OpenFilesOptions, embeddedFiles, openModelFiles } from './files.ts';
import { type ModelSource, filesOf, sentSource } from './source.ts';

export interface OpenModelOptions extends OpenFilesOptions, MemoryOptions {
  /** A device to share, which stays its owner's; without, the model opens its own and destroys it with itself. */
  readonly device?: Device;
}

/**
 * Opens a model. `destroy` of the result gives back everything opened here.
 * @throws FileError for files that are missing, broken or of another model, StorageError, GpuError without an adapter, AbortError.
 */
export async function openModel(source: ModelSource, options: OpenModelOptions = {}): Promise<Harmon> {
  const files = await filesOf(sentSource(source), embeddedUrls(), options, ensure);
  let own: Device | undefined;
  try {
    const model = await openModelFiles(files, embeddedFiles(embeddedUrls()), options);
    const device = options.device ?? (own = await openDevice());
    const form = settledForm(options, model.config, model.weights, device.planLimits);
    throwIfAborted(options.signal, 'open');
    return owning(Harmon.open({ ...model, ...form, device }), () => {
      own?.destroy();
      files.release?.();
    });
  } catch (error) {
    own?.destroy();
    files.release?.();
    throw error;
  }
}

/** The model, whose `destroy` gives back what belongs to it too. */
function owning(harmon: Harmon, giveBack: () => void): Harmon {
  const destroyModel = harmon.destroy.bind(harmon);
  return Object.assign(harmon, {
    destroy() {
      destroyModel();
      giveBack();
    },
  });
}
