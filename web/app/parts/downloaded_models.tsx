/** The models that were downloaded, with what can be done with each. */
import { Download, FolderOpen, ShieldCheck, Trash2, X } from 'lucide';
import { useEffect } from 'preact/hooks';
import type { CachedModel } from '../../index.ts';
import { bytesText } from '../logic/bytes_text.ts';
import { cached, checkModel, deleteModel, modelTask, modelWords, refreshModels, repairModel, room } from '../models.ts';
import { IconButton } from './icon.tsx';

export function DownloadedModels({ onOpen }: { onOpen: (url: string) => void }) {
  useEffect(() => void refreshModels(), []);
  return (
    <section class="downloaded" aria-label="Downloaded models">
      <h3>
        Downloaded <small>{room.value === undefined ? '' : `room for ${bytesText(room.value)} more`}</small>
      </h3>
      {cached.value.length === 0 && (
        <p class="empty">None. A download goes on where it stopped, also after a reload.</p>
      )}
      <ul>
        {cached.value.map((model) => (
          <DownloadedModel key={model.url} model={model} onOpen={() => onOpen(model.url)} />
        ))}
      </ul>
    </section>
  );
}

function DownloadedModel({ model, onOpen }: { model: CachedModel; onOpen: () => void }) {
  const { url, name, bytes, present } = model;
  const task = modelTask.value?.url === url ? modelTask.value : undefined;
  const isBusy = modelTask.value !== undefined;
  const words = modelWords.value[url];
  return (
    <li class="model-source">
      <div>
        <strong>{name.slice(0, 100)}</strong>
        <p class="model-url">{url.slice(0, 300)}</p>
        <p role="status">
          {present === bytes ? bytesText(bytes) : `${bytesText(present)} of ${bytesText(bytes)}`}
          {words ? ` · ${words}` : ''}
        </p>
        {task && (
          <progress aria-label={`Work on ${name}`} value={task.progress?.done} max={task.progress?.total ?? 1} />
        )}
      </div>
      {task ? (
        <IconButton of={X} name="Stop" onClick={() => task.stop.abort()} />
      ) : (
        <>
          <IconButton of={FolderOpen} name={`Open ${name}`} disabled={isBusy} onClick={onOpen} />
          <IconButton of={ShieldCheck} name={`Check ${name}`} disabled={isBusy} onClick={() => void checkModel(url)} />
          <IconButton
            of={Download}
            name={`Repair ${name}`}
            disabled={isBusy || present === bytes}
            onClick={() => void repairModel(url)}
          />
          <IconButton of={Trash2} name={`Delete ${name}`} disabled={isBusy} onClick={() => void deleteModel(url)} />
        </>
      )}
    </li>
  );
}
