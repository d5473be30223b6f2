/** Which model is open, and opening another: the embedded one, files from disk, or a converted folder at an address. */
import { useState } from 'preact/hooks';
import type { ModelSource } from '../../index.ts';
import { model, openModel } from '../model.ts';
import { DialogFrame, closeDialog } from './dialog_frame.tsx';
import { DownloadedModels } from './downloaded_models.tsx';
import { FileButton } from './file_button.tsx';
import { FileInput, FolderOpen } from 'lucide';

export function ModelsDialog() {
  const [url, setUrl] = useState('');
  const now = model.value;
  const open = (source: ModelSource) => {
    closeDialog();
    void openModel(source);
  };
  return (
    <DialogFrame title="Models">
      <p>
        {now.state === 'ready'
          ? `${now.opened.config.name} is open (${now.opened.identity.weights}, ${now.opened.identity.hash.slice(0, 10)}).`
          : 'No model is open.'}
      </p>
      <section class="model-source" aria-label="Embedded model">
        <div>
          <h3>Embedded</h3>
          <p>Small, and comes with the page: emoji on white at 128 pixels.</p>
        </div>
        <button type="button" class="quiet" onClick={() => open('embedded')}>
          Open
        </button>
      </section>
      <section class="model-source" aria-label="Files from disk">
        <div>
          <h3>From disk</h3>
          <p>
            harmon_….pth with kl16.ckpt and tokenizer.json, or all files of a converted folder. They are read in pieces.
          </p>
        </div>
        <FileButton of={FileInput} name="Choose model files" multiple onFiles={open} />
        <FileButton of={FolderOpen} name="Choose a model folder" folder onFiles={open} />
      </section>
      <form
        class="model-source"
        aria-label="From an address"
        onSubmit={(event) => {
          event.preventDefault();
          open(url.trim());
        }}
      >
        <label class="field grow">
          <span>From an address</span>
          <input
            type="url"
            required
            placeholder="https://…/harmon/"
            value={url}
            onInput={(event) => setUrl(event.currentTarget.value)}
          />
        </label>
        <button type="submit" class="quiet" disabled={url.trim() === ''}>
          Download and open
        </button>
      </form>
      <DownloadedModels onOpen={open} />
    </DialogFrame>
  );
}
