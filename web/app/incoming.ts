/** Files that come in by a drop, a paste or a choice: pictures into the history, and a saved one's record offered for its settings. */
import { signal } from '@preact/signals';
import type { PictureRecord } from '../../src/harmon/record.ts';
import { attempt, importArchive } from './archive_actions.ts';
import { bringIn, select } from './history_actions.ts';
import { dialog, mode, notice } from './state.ts';

/** The record of the picture that came in last. */
export const incomingRecord = signal<PictureRecord | undefined>(undefined);

const MOST = 50;

export async function receive(files: readonly File[]): Promise<void> {
  if (files.length > MOST) notice.value = { text: `Only the first ${MOST} files are brought in.` };
  for (const file of files.slice(0, MOST))
    await attempt(async () => {
      if (/\.zip$/i.test(file.name)) return importArchive(file);
      const { id, record } = await bringIn(file, file.name);
      select(id);
      if (!record || mode.value === 'ask' || files.length > 1) return;
      incomingRecord.value = record;
      dialog.value = 'restore';
    });
}

/** Takes what is dropped on the page or pasted into it. Gives the way to stop. */
export function listenForFiles(): () => void {
  const hasFiles = (data: DataTransfer | null) => [...(data?.types ?? [])].includes('Files');
  const over = (event: DragEvent) => {
    if (!hasFiles(event.dataTransfer)) return;
    event.preventDefault();
    document.documentElement.classList.add('dropping');
  };
  const leave = (event: DragEvent) => {
    if (!event.relatedTarget) document.documentElement.classList.remove('dropping');
  };
  const drop = (event: DragEvent) => {
    document.documentElement.classList.remove('dropping');
    if (!hasFiles(event.dataTransfer)) return;
    event.preventDefault();
    void receive([...event.dataTransfer!.files]);
  };
  const paste = (event: ClipboardEvent) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length === 0) return;
    event.preventDefault();
    void receive(files);
  };
  const stop = new AbortController();
  const { signal } = stop;
  addEventListener('dragover', over, { signal });
  addEventListener('dragleave', leave, { signal });
  addEventListener('drop', drop, { signal });
  addEventListener('paste', paste, { signal });
  return () => stop.abort();
}
